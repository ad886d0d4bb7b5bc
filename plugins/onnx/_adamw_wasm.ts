/**
 * AdamW on float32 vectors, four elements at a time: a WebAssembly module assembled here.
 *
 * Vectors stay where they are. Blocks of them pass through the module's small memory, which fits the processor's cache.
 * WebAssembly's arithmetic is exact IEEE float32, so every machine gives the same bytes.
 *
 * Source of the encoding: WebAssembly core specification 2.0, sections 5.3 to 5.5.
 *
 * @module
 */

/** Elements of a block. Four vectors of a block take half a megabyte. */
const BLOCK = 32_768;
const BLOCK_BYTES = BLOCK * 4;
const PAGE_BYTES = 65_536;

/** Places of the four vectors in the memory. */
const [P, M, V, G] = [0, 1, 2, 3].map((at) => at * BLOCK_BYTES) as [number, number, number, number];

/** Numbers of one update, in the order of the function's parameters. */
export interface UpdateNumbers {
  /** What gradients are multiplied by. */
  readonly scale: number;
  readonly beta1: number;
  readonly beta2: number;
  /** What parameters are multiplied by. */
  readonly keep: number;
  /** Learning rate over 1 − β₁ᵗ. */
  readonly rate: number;
  /** 1 over √(1 − β₂ᵗ). */
  readonly rootCorrection: number;
  readonly epsilon: number;
}

const OP = {
  loop: 0x03,
  end: 0x0b,
  branchIf: 0x0d,
  get: 0x20,
  set: 0x21,
  i32const: 0x41,
  i32lessThan: 0x49,
  i32add: 0x6a,
} as const;

/** Vector instructions, after the prefix 0xfd. */
const SIMD = {
  load: 0x00,
  store: 0x0b,
  splat: 0x13,
  sqrt: 0xe3,
  add: 0xe4,
  sub: 0xe5,
  mul: 0xe6,
  div: 0xe7,
} as const;

const [I32, F32, V128] = [0x7f, 0x7d, 0x7b] as const;
const EMPTY = 0x40;

/** Parameters of the update, by index: bytes, then the numbers; locals after them. */
const LOCAL = {
  bytes: 0,
  scale: 1,
  beta1: 2,
  rest1: 3,
  beta2: 4,
  rest2: 5,
  keep: 6,
  rate: 7,
  root: 8,
  epsilon: 9,
};
const [AT, GRADIENT, MEAN, SQUARE] = [10, 11, 12, 13] as const;

function unsigned(value: number): number[] {
  const bytes = [];
  do {
    const low = value & 0x7f;
    value >>>= 7;
    bytes.push(value === 0 ? low : low | 0x80);
  } while (value !== 0);
  return bytes;
}

/** An `i32.const` operand; every constant here is below 64, where signed and unsigned forms agree. */
const constant = (value: number): number[] => [OP.i32const, value];
const get = (local: number): number[] => [OP.get, local];
const set = (local: number, value: readonly number[]): number[] => [...value, OP.set, local];
const simd = (code: number, ...rest: readonly number[]): number[] => [0xfd, ...unsigned(code), ...rest];
const load = (place: number): number[] => [...get(AT), ...simd(SIMD.load, 4, ...unsigned(place))];
const store = (place: number, value: readonly number[]): number[] => [
  ...get(AT),
  ...value,
  ...simd(SIMD.store, 4, ...unsigned(place)),
];
const splat = (local: number): number[] => [...get(local), ...simd(SIMD.splat)];
const binary =
  (code: number) => (a: readonly number[], b: readonly number[]): number[] => [...a, ...b, ...simd(code)];
const [add, sub, mul, div] = [SIMD.add, SIMD.sub, SIMD.mul, SIMD.div].map(binary) as [
  ReturnType<typeof binary>,
  ReturnType<typeof binary>,
  ReturnType<typeof binary>,
  ReturnType<typeof binary>,
];
const sqrt = (a: readonly number[]): number[] => [...a, ...simd(SIMD.sqrt)];

/** A loop over AT from 0 to the number of bytes in parameter 0, 16 at a time; at least one round. */
function rounds(body: readonly number[]): number[] {
  return [
    OP.loop,
    EMPTY,
    ...body,
    ...set(AT, [...get(AT), ...constant(16), OP.i32add]),
    ...get(AT),
    ...get(LOCAL.bytes),
    OP.i32lessThan,
    OP.branchIf,
    0,
    OP.end,
  ];
}

const updateBody = rounds([
  ...set(GRADIENT, mul(load(G), splat(LOCAL.scale))),
  ...set(MEAN, add(mul(load(M), splat(LOCAL.beta1)), mul(get(GRADIENT), splat(LOCAL.rest1)))),
  ...set(
    SQUARE,
    add(mul(load(V), splat(LOCAL.beta2)), mul(mul(get(GRADIENT), get(GRADIENT)), splat(LOCAL.rest2))),
  ),
  ...store(M, get(MEAN)),
  ...store(V, get(SQUARE)),
  ...store(
    P,
    sub(
      mul(load(P), splat(LOCAL.keep)),
      div(
        mul(get(MEAN), splat(LOCAL.rate)),
        add(mul(sqrt(get(SQUARE)), splat(LOCAL.root)), splat(LOCAL.epsilon)),
      ),
    ),
  ),
]);

function section(id: number, entries: readonly (readonly number[])[]): number[] {
  const body = [...unsigned(entries.length), ...entries.flat()];
  return [id, ...unsigned(body.length), ...body];
}

/** A function's code: locals in runs of one type, then the body. */
function code(locals: readonly (readonly [number, number])[], body: readonly number[]): number[] {
  const all = [...unsigned(locals.length), ...locals.flat(), ...body, OP.end];
  return [...unsigned(all.length), ...all];
}

function name(text: string): number[] {
  return [...unsigned(text.length), ...new TextEncoder().encode(text)];
}

const module = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...section(1, [
    [0x60, 10, I32, ...Array<number>(9).fill(F32), 0],
  ]),
  ...section(3, [[0]]),
  ...section(5, [[0x00, ...unsigned(4 * BLOCK_BYTES / PAGE_BYTES)]]),
  ...section(7, [
    [...name("update"), 0x00, 0],
    [...name("memory"), 0x02, 0],
  ]),
  ...section(10, [
    code([[1, I32], [3, V128]], updateBody),
  ]),
]);

interface Exports {
  readonly update: (bytes: number, ...numbers: number[]) => void;
  readonly memory: WebAssembly.Memory;
}

let instance: Exports | undefined;

function loaded(): Exports {
  // Sound: the module above exports exactly these.
  return instance ??= new WebAssembly.Instance(new WebAssembly.Module(module)).exports as unknown as Exports;
}

/** One update in place; all vectors have one length. */
export function updateFloat32(
  [p, m, v, g]: readonly [Float32Array, Float32Array, Float32Array, Float32Array],
  { scale, beta1, beta2, keep, rate, rootCorrection, epsilon }: UpdateNumbers,
): void {
  const { update, memory } = loaded();
  const place = (offset: number) => new Float32Array(memory.buffer, offset, BLOCK);
  const [blockP, blockM, blockV, blockG] = [place(P), place(M), place(V), place(G)];
  for (let start = 0; start < p.length; start += BLOCK) {
    const end = Math.min(start + BLOCK, p.length);
    blockP.set(p.subarray(start, end));
    blockM.set(m.subarray(start, end));
    blockV.set(v.subarray(start, end));
    blockG.set(g.subarray(start, end));
    update((end - start) * 4, scale, beta1, 1 - beta1, beta2, 1 - beta2, keep, rate, rootCorrection, epsilon);
    p.set(blockP.subarray(0, end - start), start);
    m.set(blockM.subarray(0, end - start), start);
    v.set(blockV.subarray(0, end - start), start);
  }
}
