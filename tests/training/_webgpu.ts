/** Prints losses and gradients of the recorded batches on WebGPU. */
import { providerNumbers } from "./_provider_numbers.ts";

console.log(JSON.stringify(await providerNumbers("webgpu")));
