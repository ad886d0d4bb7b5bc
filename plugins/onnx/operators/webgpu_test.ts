import assert from "node:assert/strict";
import { named, onWebgpu, skipped } from "../_software_vulkan.ts";
import { CASES } from "./_cases.ts";
import { type CaseNumbers, caseNumbers } from "./_finite_differences.ts";

Deno.test({
  name: named("every operator gives the CPU's value and gradients on WebGPU"),
  ignore: skipped,
  fn: async () => {
    const expected = await caseNumbers(CASES, "cpu", "float32");
    const received = await onWebgpu<CaseNumbers[]>(new URL("./_webgpu.ts", import.meta.url));
    const wrong: string[] = [];
    for (const [at, { name, value, gradients }] of expected.entries()) {
      const other = received[at]!;
      for (const [place, numbers] of [value, ...gradients].entries()) {
        const others = [other.value, ...other.gradients][place]!;
        assert.equal(others.length, numbers.length, name);
        const what = place === 0 ? "value" : `gradient ${place - 1}`;
        for (const [element, number] of numbers.entries()) {
          if (others[element] !== null && Math.abs(others[element]! - number) <= 1e-4) continue; // null: NaN in JSON
          wrong.push(`${name}, ${what}, element ${element}: wanted ${number}: received ${others[element]}`);
        }
      }
    }
    assert.deepEqual(wrong, []);
  },
});
