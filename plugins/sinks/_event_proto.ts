/**
 * The three protobuf messages that an event file of scalars needs, written field by field.
 *
 * Source: tensorflow/core/util/event.proto and framework/summary.proto. Event: wall_time = 1 (double), step = 2
 * (int64), file_version = 3 (string), summary = 5, session_log = 7. Summary: value = 1 (repeated). Summary.Value:
 * tag = 1 (string), simple_value = 2 (float). SessionLog: status = 1 (enum; START = 1). Wire types: 0 varint,
 * 1 eight bytes, 2 counted bytes, 5 four bytes.
 *
 * @module
 */
const utf8 = new TextEncoder();

/** What one record says. */
export interface EventRecord {
  /** Seconds since 1970. */
  readonly wallTime: number;
  /** Step, at least 0. */
  readonly step: number;
  /** Version of the format; in the first record only. */
  readonly fileVersion?: string;
  /** Values by tag. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** Whether a session starts at `step`: readers drop what earlier files say of it and of later steps. */
  readonly starts?: boolean;
}

/** Encodes one record. */
export function encodeEvent({ wallTime, step, fileVersion, scalars, starts }: EventRecord): Uint8Array {
  const summary = Object.entries(scalars ?? {}).map(([tag, value]) =>
    counted(1, join([counted(1, utf8.encode(tag)), field(2, 5, float32(value))]))
  );
  return join([
    field(1, 1, float64(wallTime)),
    field(2, 0, varint(step)),
    ...(fileVersion === undefined ? [] : [counted(3, utf8.encode(fileVersion))]),
    ...(summary.length === 0 ? [] : [counted(5, join(summary))]),
    ...(starts ? [counted(7, field(1, 0, varint(1)))] : []),
  ]);
}

function field(number: number, wireType: number, bytes: Uint8Array): Uint8Array {
  return join([varint(number * 8 + wireType), bytes]);
}

function counted(number: number, bytes: Uint8Array): Uint8Array {
  return field(number, 2, join([varint(bytes.length), bytes]));
}

/** Seven bits a byte, lowest first, the top bit says that more come. Arithmetic, for steps above 2³¹. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push(value % 128 + 128);
  return Uint8Array.from([...bytes, value]);
}

function float32(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  return new Uint8Array(view.buffer);
}

function float64(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return new Uint8Array(view.buffer);
}

/** Bytes in a row. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
