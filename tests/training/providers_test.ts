/** Whole training steps on other providers than the CPU's. */
import { messageOf } from "../../core/errors.ts";
import { named, onWebgpu, skipped } from "../../plugins/onnx/_software_vulkan.ts";
import { pickProvider } from "../../plugins/onnx/session.ts";
import { assertNumbers, type BatchNumbers, providerNumbers } from "./_provider_numbers.ts";

Deno.test({
  name: named("losses and gradients on WebGPU equal those of PyTorch and PEFT"),
  ignore: skipped,
  fn: async () =>
    await assertNumbers(await onWebgpu<BatchNumbers[]>(new URL("./_webgpu.ts", import.meta.url))),
});

const noCuda = await pickProvider("cuda").then(() => null, messageOf);

Deno.test({
  name: `losses and gradients on CUDA equal those of PyTorch and PEFT${
    noCuda === null ? "" : ` (left out: ${noCuda.split("\n")[0]})`
  }`,
  ignore: noCuda !== null,
  fn: async () => await assertNumbers(await providerNumbers("cuda")),
});
