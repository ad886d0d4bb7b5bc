/**
 * The safetensors format: 8 bytes of header length (little endian), a JSON header, raw tensors. One file, or several
 * behind `model.safetensors.index.json`. Headers are read without the weights, so that a graph can map a tensor
 * straight out of the file.
 *
 * A header is untrusted: every range must lie inside the file, agree with type and shape, and overlap no other.
 *
 * Source: the format's own description, github.com/huggingface/safetensors (README, "Format").
 *
 * @module
 */
import { join } from "node:path";
import { GymError, isGymError, messageOf } from "../../core/errors.ts";
import {
  ELEMENT_BYTES,
  elements,
  type ElementType,
  fromBfloat16,
  fromFloat16,
  type Tensor,
  toBfloat16,
  toFloat16,
} from "./tensor.ts";

/** Names of the types in a header. */
const TYPE_NAMES: Readonly<Record<string, ElementType>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  BOOL: "bool",
};

/** Headers above this are refused; the reference implementation has the same limit. */
const HEADER_LIMIT = 100_000_000;

/** Where a tensor lies. */
export interface TensorEntry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Path of the file that holds it. */
  readonly file: string;
  /** Byte in the file at which it starts. */
  readonly offset: number;
  /** Bytes it takes. */
  readonly bytes: number;
}

/** What a header says. */
export interface WeightsIndex {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Free-form texts of the header. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the header of one safetensors file.
 *
 * @throws {GymError} `FILE_ACCESS`, or `INVALID_DATA` naming file and tensor.
 */
export async function readHeader(path: string): Promise<WeightsIndex> {
  using file = await open(path);
  const size = (await file.stat()).size;
  const length = Number(new DataView((await readRange(file, path, 0, 8)).buffer).getBigUint64(0, true));
  if (length < 2 || length > HEADER_LIMIT || 8 + length > size) {
    throw invalid(path, `wanted a header inside ${size} bytes: received a header length of ${length}`);
  }
  const text = new TextDecoder().decode(await readRange(file, path, 8, length));
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (thrown) {
    throw invalid(path, `wanted a JSON header: ${messageOf(thrown)}`);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw invalid(path, "wanted an object as header");
  }
  const { __metadata__: metadata = {}, ...rest } = header as Record<string, unknown>;
  const start = 8 + length;
  const entries = Object.entries(rest).map(([name, value]) => entryOf(path, name, value, start, size));
  checkOverlap(path, entries);
  return {
    tensors: new Map(entries.map((entry) => [entry.name, entry])),
    metadata: metadata as Record<string, string>,
  };
}

/**
 * Reads the headers of a model folder: `model.safetensors`, or every shard of `model.safetensors.index.json`.
 *
 * @throws {GymError} `FILE_ACCESS`, or `INVALID_DATA` when a shard lacks a tensor that the index promises.
 */
export async function readFolder(folder: string): Promise<WeightsIndex> {
  const indexPath = join(folder, "model.safetensors.index.json");
  let text: string;
  try {
    text = await Deno.readTextFile(indexPath);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return await readHeader(join(folder, "model.safetensors"));
    throw access(indexPath, thrown);
  }
  const map = weightMap(indexPath, text);
  const tensors = new Map<string, TensorEntry>();
  let metadata: Readonly<Record<string, string>> = {};
  for (const shard of new Set(Object.values(map))) {
    if (shard.includes("/") || shard.includes("\\") || shard === "..") {
      throw invalid(indexPath, `wanted a file name beside the index: received "${shard}"`);
    }
    const header = await readHeader(join(folder, shard));
    metadata = { ...metadata, ...header.metadata };
    for (const [name, entry] of header.tensors) if (map[name] === shard) tensors.set(name, entry);
  }
  for (const [name, shard] of Object.entries(map)) {
    if (!tensors.has(name)) throw invalid(indexPath, `"${name}": wanted in ${shard}: it is not there`);
  }
  return { tensors, metadata };
}

/** Reads one tensor as float32. @throws {GymError} `INVALID_DATA` when the file is shorter than its header says. */
export async function readTensor(entry: TensorEntry): Promise<Tensor> {
  using file = await open(entry.file);
  const { buffer } = await readRange(file, entry.file, entry.offset, entry.bytes);
  const widen: Partial<Record<ElementType, (buffer: ArrayBuffer) => Float32Array>> = {
    float32: (bytes) => new Float32Array(bytes),
    float16: (bytes) => fromFloat16(new Uint16Array(bytes)),
    bfloat16: (bytes) => fromBfloat16(new Uint16Array(bytes)),
  };
  const data = widen[entry.type]?.(buffer);
  if (data === undefined) {
    throw invalid(entry.file, `"${entry.name}": wanted a floating-point tensor: received ${entry.type}`);
  }
  return { data, shape: entry.shape };
}

/** A tensor that is read when it is written, so that a model need not fit in memory. */
export interface LazyTensor {
  readonly shape: readonly number[];
  /** Reads the values. */
  read(): Promise<Tensor>;
}

/** What {@linkcode writeSafetensors} takes beside the tensors. */
export interface WriteOptions {
  /** Element type on disk. @default "float32" */
  readonly type?: "float32" | "float16" | "bfloat16";
  /** @default { format: "pt" }, which transformers asks for */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes one safetensors file, tensors in the order of their names; the file appears whole or not at all. One tensor
 * at a time is in memory when they are lazy; what their `read` throws passes on.
 *
 * @throws {GymError} `FILE_ACCESS`.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor | LazyTensor>,
  { type = "float32", metadata = { format: "pt" } }: WriteOptions = {},
): Promise<void> {
  const names = [...tensors.keys()].sort();
  const typeName = Object.entries(TYPE_NAMES).find(([, own]) => own === type)![0];
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const name of names) {
    const { shape } = tensors.get(name)!;
    const start = end;
    end += elements(shape) * ELEMENT_BYTES[type];
    header[name] = { dtype: typeName, shape, data_offsets: [start, end] };
  }
  const json = JSON.stringify(header);
  const head = new TextEncoder().encode(
    json + " ".repeat((8 - new TextEncoder().encode(json).length % 8) % 8),
  );
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(head.length), true);
  const part = `${path}.part`;
  try {
    using file = await Deno.open(part, { write: true, create: true, truncate: true });
    await writeAll(file, length);
    await writeAll(file, head);
    for (const name of names) await writeAll(file, narrow(await valuesOf(name, tensors.get(name)!), type));
    await file.sync();
  } catch (thrown) {
    await Deno.remove(part).catch(() => {});
    throw isGymError(thrown) || thrown instanceof RangeError ? thrown : access(path, thrown, "write");
  }
  await Deno.rename(part, path);
}

async function valuesOf(name: string, tensor: Tensor | LazyTensor): Promise<Float32Array> {
  const { data } = "read" in tensor ? await tensor.read() : tensor;
  if (data.length === elements(tensor.shape)) return data;
  throw new RangeError(
    `Cannot write "${name}": wanted ${
      elements(tensor.shape)
    } values for [${tensor.shape}]: received ${data.length}`,
  );
}

function narrow(data: Float32Array, type: "float32" | "float16" | "bfloat16"): Uint8Array {
  const values = type === "float32" ? data : type === "float16" ? toFloat16(data) : toBfloat16(data);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
}

function entryOf(path: string, name: string, value: unknown, start: number, size: number): TensorEntry {
  const { dtype, shape, data_offsets: range } = (value ?? {}) as {
    dtype?: unknown;
    shape?: unknown;
    data_offsets?: unknown;
  };
  const type = typeof dtype === "string" ? TYPE_NAMES[dtype] : undefined;
  if (type === undefined) {
    throw invalid(
      path,
      `"${name}": wanted a dtype of ${Object.keys(TYPE_NAMES).join(", ")}: received ${JSON.stringify(dtype)}`,
    );
  }
  if (!isCounts(shape)) {
    throw invalid(path, `"${name}": wanted a shape of whole numbers: received ${JSON.stringify(shape)}`);
  }
  if (!isCounts(range) || range.length !== 2) {
    throw invalid(path, `"${name}": wanted two data_offsets: received ${JSON.stringify(range)}`);
  }
  const [from, to] = range as [number, number];
  const bytes = elements(shape) * ELEMENT_BYTES[type];
  if (to - from !== bytes) {
    throw invalid(path, `"${name}": wanted ${bytes} bytes for ${dtype} [${shape}]: received ${to - from}`);
  }
  if (start + to > size) {
    throw invalid(path, `"${name}": wanted bytes up to ${start + to}: the file ends at ${size}`);
  }
  return { name, type, shape, file: path, offset: start + from, bytes };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}

function checkOverlap(path: string, entries: readonly TensorEntry[]): void {
  const sorted = entries.filter((entry) => entry.bytes > 0).sort((a, b) => a.offset - b.offset);
  for (let i = 1; i < sorted.length; i++) {
    const [before, after] = [sorted[i - 1]!, sorted[i]!];
    if (before.offset + before.bytes > after.offset) {
      throw invalid(path, `"${after.name}": its bytes overlap those of "${before.name}"`);
    }
  }
}

function weightMap(path: string, text: string): Record<string, string> {
  let parsed: { weight_map?: unknown };
  try {
    parsed = JSON.parse(text);
  } catch (thrown) {
    throw invalid(path, `wanted JSON: ${messageOf(thrown)}`);
  }
  const map = parsed?.weight_map;
  if (
    typeof map !== "object" || map === null || !Object.values(map).every((file) => typeof file === "string")
  ) {
    throw invalid(path, "weight_map: wanted an object of tensor names to file names");
  }
  return map as Record<string, string>;
}

async function open(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path);
  } catch (thrown) {
    throw access(path, thrown);
  }
}

async function readRange(
  file: Deno.FsFile,
  path: string,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let done = 0; done < length;) {
    const read = await file.read(bytes.subarray(done));
    if (read === null) {
      throw invalid(path, `wanted ${length} bytes at ${offset}: the file ends after ${done} of them`);
    }
    done += read;
  }
  return bytes;
}

function invalid(file: string, what: string): GymError {
  return new GymError("INVALID_DATA", `Cannot read weights ${file}: ${what}`, { file });
}

function access(file: string, thrown: unknown, act: "open" | "write" = "open"): GymError {
  return new GymError("FILE_ACCESS", `Cannot ${act} weights ${file}: ${messageOf(thrown)}`, { file }, {
    cause: thrown,
  });
}
