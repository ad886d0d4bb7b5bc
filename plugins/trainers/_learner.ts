/**
 * What every trainer does with gradients: run a graph on micro-batches, add up, clip, update. Parameters, moments and
 * the count of updates live here; what the loss is, the graph decides.
 *
 * @module
 */
import { adamW, type AdamWState, adamWState, sumOfSquares, type Vector } from "../onnx/adamw.ts";
import { type Feed, floats, type Session } from "../onnx/session.ts";
import type { Bucket } from "../models/parameters.ts";

/** Choices for one update. */
export interface UpdateOptions {
  readonly learningRate: number;
  /** @default 0 */
  readonly weightDecay?: number;
  /** Largest norm of all gradients together; 0 does not clip. @default 0 */
  readonly maxGradientNorm?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/** What an update did. */
export interface Update {
  /** Norm of all gradients together, before clipping. */
  readonly gradientNorm: number;
  /** False when a gradient was not finite: nothing was changed. */
  readonly applied: boolean;
}

/** Keeps gradients apart from exploding by rounding. Source: `clip_grad_norm_` of PyTorch. */
const CLIP_EPSILON = 1e-6;

/** Trained vectors and their optimiser. */
export class Learner {
  /** The vectors, in the order of their buckets. */
  readonly buckets: readonly Bucket[];
  /** Parameters and moments of each bucket. */
  readonly states: readonly AdamWState[];
  /** Updates that were applied. */
  updates = 0;
  #gradients: Float32Array[] | null = null;

  constructor(buckets: readonly Bucket[], parameters: readonly Float32Array[]) {
    this.buckets = buckets;
    this.states = parameters.map(adamWState);
  }

  /** Feeds of the parameters. */
  feeds(): Record<string, Feed> {
    return Object.fromEntries(
      this.buckets.map((bucket, at) => [
        bucket.name,
        { data: this.states[at]!.parameters as Float32Array, shape: [bucket.size] },
      ]),
    );
  }

  /**
   * Runs a graph with outputs `gradient.BUCKET` on one micro-batch and adds its gradients to those before.
   *
   * @returns The graph's other outputs.
   */
  async accumulate(
    session: Session,
    batch: Readonly<Record<string, Feed>>,
  ): Promise<Readonly<Record<string, Feed>>> {
    const outputs = await session.run({ ...this.feeds(), ...batch });
    const gradients = this.buckets.map((bucket) => floats(outputs[`gradient.${bucket.name}`]));
    if (this.#gradients === null) this.#gradients = gradients;
    else for (const [at, sum] of this.#gradients.entries()) addTo(sum, gradients[at]!);
    return Object.fromEntries(
      Object.entries(outputs).filter(([name]) => !name.startsWith("gradient.")),
    ) as Record<string, Feed>; // sound: nothing is kept on the device
  }

  /** Gradients that were accumulated since the last update, by bucket; null when there are none. */
  get gradients(): readonly Float32Array[] | null {
    return this.#gradients;
  }

  /** Forgets what was accumulated, if anything was. */
  forget(): void {
    this.#gradients = null;
  }

  /** Forgets the accumulated gradients and changes nothing. */
  discard(): Update {
    return { gradientNorm: normOf(this.#taken()), applied: false };
  }

  /** Updates the parameters by the accumulated gradients and forgets those. */
  update(options: UpdateOptions): Update {
    const { learningRate, weightDecay = 0, maxGradientNorm = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } =
      options;
    const gradients = this.#taken();
    const gradientNorm = normOf(gradients);
    if (!Number.isFinite(gradientNorm)) return { gradientNorm, applied: false };
    const scale = maxGradientNorm > 0 ? Math.min(1, maxGradientNorm / (gradientNorm + CLIP_EPSILON)) : 1;
    const step = ++this.updates;
    for (const [at, bucket] of this.buckets.entries()) {
      adamW(this.states[at]!, gradients[at]!, {
        learningRate,
        step,
        scale,
        weightDecay: bucket.decay ? weightDecay : 0,
        beta1,
        beta2,
        epsilon,
      });
    }
    return { gradientNorm, applied: true };
  }

  #taken(): readonly Float32Array[] {
    const gradients = this.#gradients;
    if (gradients === null) throw new TypeError("Cannot update: wanted accumulated gradients: received none");
    this.#gradients = null;
    return gradients;
  }
}

function normOf(gradients: readonly Float32Array[]): number {
  return Math.sqrt(gradients.reduce((sum, gradient) => sum + sumOfSquares(gradient), 0));
}

function addTo(sum: Vector, more: Vector): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += more[i]!;
}
