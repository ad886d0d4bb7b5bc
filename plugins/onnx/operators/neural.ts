/**
 * The building blocks of transformers, each with the cheapest exact gradient.
 *
 * @module
 */
import type { Emitter, Reference } from "../encode.ts";
import type { Value } from "../graph.ts";
import { type Operator, sameType, sumTo, wantInputs } from "./operator.ts";

/**
 * The provider for WebGPU has no LogSoftmax: the runtime would take it to the CPU, with all logits there and back. So
 * the plain form is x − max − log Σ exp(x − max).
 */
function emitLogSoftmax(x: Value, y: Value, emitter: Emitter): void {
  if (emitter.fused) return emitter.node("LogSoftmax", [x], [y], { axis: -1 });
  const over = (operator: string, of: Reference) => emitter.one(operator, [of, emitter.integers([-1])]);
  const moved = emitter.one("Sub", [x, over("ReduceMax", x)]);
  const sum = over("ReduceSum", emitter.one("Exp", [moved]));
  emitter.node("Sub", [moved, emitter.one("Log", [sum])], [y]);
}

/** Building blocks by name. */
export const NEURAL: Readonly<Record<string, Operator>> = {
  /** Softmax over the last axis. dx = y·(dy − Σ dy·y). */
  Softmax: {
    infer: ([x]) => [x!],
    gradient: ({ graph: g, outputs: [y], gradient: dy }) => [
      () => g.mul(y!, g.sub(dy, g.reduceSum(g.mul(dy, y!), [-1], true))),
    ],
    emit: ({ inputs, outputs }, emitter) => emitter.node("Softmax", inputs, outputs, { axis: -1 }),
  },
  /** Logarithm of the softmax over the last axis. dx = dy − exp(y)·Σ dy. */
  LogSoftmax: {
    infer: ([x]) => [x!],
    gradient: ({ graph: g, outputs: [y], gradient: dy }) => [
      () => g.sub(dy, g.mul(g.op("Exp", [y!]), g.reduceSum(dy, [-1], true))),
    ],
    emit: ({ inputs: [x], outputs: [y] }, emitter) => emitLogSoftmax(x!, y!, emitter),
  },
  /**
   * Attention weights applied: scores [B, H, M, T], values [B, H, T, D] → output [B, H, M, D] and the weights
   * P = softmax(scores).
   *
   * With D_m = Σ_d dO·O, the sum Σ_t dP·P over the T keys of a row, the gradient of the scores is P·(dP − D): no
   * second pass over the M × T products. Source: Dao et al. 2022, FlashAttention, appendix B (arXiv:2205.14135).
   */
  AttentionOutput: {
    infer: ([scores, values]) => [
      { type: sameType([scores!, values!]), shape: [...scores!.shape.slice(0, -1), values!.shape.at(-1)!] },
      scores!,
    ],
    gradient: ({ graph: g, inputs: [, values], outputs: [output, weights], gradient: dO }) => [
      () => {
        const dP = g.op("MatMul", [dO, values!], { transB: 1 });
        const D = g.reduceSum(g.mul(dO, output!), [-1], true);
        return g.mul(weights!, g.sub(dP, D));
      },
      () => g.op("MatMul", [weights!, dO], { transA: 1 }),
    ],
    emit: ({ inputs: [scores, values], outputs: [output, weights] }, emitter) => {
      emitter.node("Softmax", [scores!], [weights!], { axis: -1 });
      emitter.node("MatMul", [weights!, values!], [output!]);
    },
  },
  /**
   * x · w / √(mean(x²) + epsilon) over the last axis.
   *
   * With r the inverse root and c = mean(dy·w·x)·r², dx = r·(dy·w − x·c) and dw = Σ dy·x·r. The root is computed
   * again: the provider for WebGPU leaves the operator's second output empty without an error.
   */
  RmsNorm: {
    infer: (inputs) => {
      wantInputs(inputs, 2);
      const [x, w] = inputs as [Value, Value];
      if (w.shape.length !== 1 || w.shape[0] !== x.shape.at(-1)) {
        throw new RangeError(`wanted gains of [${x.shape.at(-1)}]: received [${w.shape}]`);
      }
      return [x];
    },
    gradient: ({ graph: g, inputs: [x, w], attributes, gradient: dy }) => {
      const size = x!.shape.at(-1) as number;
      const squares = () => g.op("ReduceSumSquare", [x!], { axes: [-1], keepdims: 1 });
      const variance = () => g.add(g.mul(squares(), 1 / size), attributes["epsilon"] as number);
      const r = () => g.op("Reciprocal", [g.op("Sqrt", [variance()])]);
      return [
        () => {
          const scaled = g.mul(dy, w!);
          const mean = g.mul(g.reduceSum(g.mul(scaled, x!), [-1], true), 1 / size);
          const c = g.div(mean, variance());
          return g.mul(g.sub(scaled, g.mul(x!, c)), r());
        },
        () => sumTo(g, g.mul(dy, g.mul(x!, r())), w!.shape),
      ];
    },
    emit: ({ inputs, outputs, attributes }, emitter) => {
      emitter.node("SimplifiedLayerNormalization", inputs, outputs, {
        axis: -1,
        epsilon: emitter.float(attributes["epsilon"] as number),
        stash_type: 1,
      });
    },
  },
  /**
   * Rotary position embedding of x [B, T, heads·D] at positions [B, T], halves rotated against each other, with
   * cosines and sines [positions, D/2]. The gradient is the rotation backwards: the same with the sines negated.
   */
  Rotary: {
    infer: (inputs) => {
      wantInputs(inputs, 4);
      const [x, positions, cosines, sines] = inputs as [Value, Value, Value, Value];
      if (x.shape.length !== 3 || `${positions.shape}` !== `${x.shape.slice(0, 2)}`) {
        throw new RangeError(`wanted x [B, T, …] and positions [B, T]`);
      }
      if (`${cosines.shape}` !== `${sines.shape}`) throw new RangeError("wanted as many sines as cosines");
      return [x];
    },
    gradient: ({ graph: g, inputs: [, positions, cosines, sines], gradient }) => [
      () => g.op("Rotary", [gradient, positions!, cosines!, g.op("Neg", [sines!])]),
      null,
      null,
      null,
    ],
    emit: ({ inputs, outputs }, emitter) => {
      emitter.node("RotaryEmbedding", inputs, outputs, {}, "com.microsoft");
    },
  },
  /**
   * Log-probability of one column of each row: logits [N, V], targets [N] → [N], and the whole log-softmax [N, V].
   *
   * d logits = dy·(1[target] − softmax).
   */
  TokenLogProbability: {
    infer: (inputs) => {
      wantInputs(inputs, 2);
      return [{ type: inputs[0]!.type, shape: inputs[1]!.shape }, inputs[0]!];
    },
    gradient: ({ graph: g, inputs: [, targets], outputs: [, logSoftmax], gradient: dy }) => [
      () => {
        const column = g.reshape(g.op("Neg", [dy]), [...dy.shape, 1]);
        return g.op("AddToColumns", [g.mul(g.op("Exp", [logSoftmax!]), column), targets!, dy]);
      },
      null,
    ],
    emit: ({ inputs: [logits, targets], outputs: [y, logSoftmax] }, emitter) => {
      const last = emitter.integers([-1]);
      emitLogSoftmax(logits!, logSoftmax!, emitter);
      const index = emitter.one("Unsqueeze", [targets!, last]);
      emitter.node("Squeeze", [emitter.one("GatherElements", [logSoftmax!, index], { axis: 1 }), last], [y!]);
    },
  },
};
