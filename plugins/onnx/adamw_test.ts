import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { adamW, type AdamWState, sumOfSquares } from "./adamw.ts";

interface Case {
  made_by: string;
  input: {
    param: number[];
    grads: number[][];
    lr: number;
    betas: [number, number];
    eps: number;
    weight_decay: number;
    max_grad_norm: number;
  };
  expected: { param: number[]; grad_norm: number | null }[];
}

for (const name of ["adamw-01", "adamw-02"]) {
  Deno.test(`adamW() equals torch in float64 on ${name}`, async () => {
    const path = fileURLToPath(new URL(`../../tests/golden/numerics/${name}.json`, import.meta.url));
    const { input, expected } = JSON.parse(await Deno.readTextFile(path)) as Case;
    const size = input.param.length;
    const state: AdamWState = {
      parameters: Float64Array.from(input.param),
      first: new Float64Array(size),
      second: new Float64Array(size),
    };
    for (const [at, gradients] of input.grads.entries()) {
      const vector = Float64Array.from(gradients);
      const norm = Math.sqrt(sumOfSquares(vector));
      const { param, grad_norm } = expected[at]!;
      if (grad_norm !== null) assert.ok(Math.abs(norm - grad_norm) <= 1e-9 * grad_norm);
      const limit = input.max_grad_norm;
      adamW(state, vector, {
        learningRate: input.lr,
        step: at + 1,
        scale: limit > 0 ? Math.min(1, limit / (norm + 1e-6)) : 1,
        weightDecay: input.weight_decay,
        beta1: input.betas[0],
        beta2: input.betas[1],
        epsilon: input.eps,
      });
      for (const [i, wanted] of param.entries()) {
        const apart = Math.abs(state.parameters[i]! - wanted);
        assert.ok(
          apart <= 1e-9 * Math.abs(wanted),
          `step ${at}, ${i}: ${state.parameters[i]}, wanted ${wanted}`,
        );
      }
    }
  });
}

Deno.test("sumOfSquares() is not finite when an element is not", () => {
  assert.equal(Number.isFinite(sumOfSquares(Float32Array.of(1, NaN, 2))), false);
  assert.equal(Number.isFinite(sumOfSquares(Float32Array.of(1, Infinity))), false);
});

Deno.test("adamW() on float32 is within rounding of the reference form, for lengths that fill no block", () => {
  for (const size of [1, 3, 4, 5, 32_768, 40_001]) {
    const wave = (step: number) => Float32Array.from({ length: size }, (_, i) => Math.sin(1 + i * step));
    const [p, m, v, g] = [wave(0.1), wave(0.2), wave(0.3).map(Math.abs), wave(0.7)];
    const wide = (vector: Float32Array) => Float64Array.from(vector);
    const reference: AdamWState = { parameters: wide(p), first: wide(m), second: wide(v) };
    const fast: AdamWState = { parameters: p, first: m, second: v };
    const options = { learningRate: 1e-2, step: 3, scale: 0.5, weightDecay: 0.1 };
    adamW(reference, wide(g), options);
    adamW(fast, g, options);
    for (const vector of ["parameters", "first", "second"] as const) {
      for (const [i, wanted] of reference[vector].entries()) {
        assert.ok(
          Math.abs(fast[vector][i]! - wanted) <= 3e-7 * (1 + Math.abs(wanted)),
          `${size} ${vector} ${i}`,
        );
      }
    }
  }
});
