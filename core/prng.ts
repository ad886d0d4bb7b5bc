/**
 * Seeded randomness. A PRNG is a function with the contract of `Math.random`, so any seeded source fits.
 *
 * @module
 */

/** Returns the next number, uniform in [0, 1). */
export type Prng = () => number;

/** A PRNG that can be saved, restored and split. */
export interface SeededPrng extends Prng {
  /** The whole state, four unsigned 32-bit integers. */
  state(): readonly [number, number, number, number];
  /** An independent stream for `label`. The parent is not advanced, so the order of forks does not matter. */
  fork(label: string | number): SeededPrng;
}

/**
 * xoshiro128** seeded through splitmix32 from a 64-bit seed: 32 random bits a number.
 *
 * Source: Blackman and Vigna 2018, Scrambled linear pseudorandom number generators (arXiv:1805.01407).
 *
 * @param seed Any integer; only the lower 64 bits count.
 */
export function seeded(seed: bigint | number): SeededPrng {
  return prngOf(expand(BigInt.asUintN(64, BigInt(seed))));
}

/** A PRNG that goes on where `state` was taken. */
export function restorePrng(state: readonly [number, number, number, number]): SeededPrng {
  return prngOf([...state]);
}

/** A whole number in [0, `bound`). */
export function below(prng: Prng, bound: number): number {
  return Math.floor(prng() * bound);
}

/**
 * A seed derived from another and a path of labels, the same on every machine: for episodes, tasks and workers.
 *
 * @returns An unsigned 64-bit integer.
 */
export function deriveSeed(seed: bigint | number, ...labels: readonly (string | number)[]): bigint {
  let hash = BigInt.asUintN(64, BigInt(seed)) ^ 0xcbf29ce484222325n;
  for (const label of labels) {
    for (const byte of new TextEncoder().encode(`${typeof label === "number" ? "#" : "/"}${label}\0`)) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n); // FNV-1a
    }
  }
  return hash;
}

type State = [number, number, number, number];

function expand(seed: bigint): State {
  let x = Number(seed & 0xffffffffn) | 0;
  const high = Number(seed >> 32n) | 0;
  const next = (): number => {
    x = (x + 0x9e3779b9) | 0;
    let z = x ^ high;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  const state: State = [next(), next(), next(), next()];
  return state.every((word) => word === 0) ? [1, 0, 0, 0] : state;
}

function prngOf(s: State): SeededPrng {
  const next = (): number => {
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
    return result / 0x100000000;
  };
  const state = (): State => [s[0] >>> 0, s[1] >>> 0, s[2] >>> 0, s[3] >>> 0];
  const fork = (label: string | number): SeededPrng => {
    const [a, b, c, d] = state();
    return seeded(deriveSeed((BigInt(a ^ c) << 32n) | BigInt((b ^ d) >>> 0), label));
  };
  return Object.assign(next, { state, fork });
}

function rotate(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}
