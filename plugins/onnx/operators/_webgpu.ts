/** Prints values and gradients of every case on WebGPU. */
import { CASES } from "./_cases.ts";
import { caseNumbers } from "./_finite_differences.ts";

console.log(JSON.stringify(await caseNumbers(CASES, "webgpu", "float32")));
