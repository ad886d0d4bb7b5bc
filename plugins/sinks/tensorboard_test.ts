import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { sampleEvents } from "../../core/testing/mod.ts";
import type { TrainEvent } from "../../core/trainer.ts";
import { crc32c, maskedCrc32c } from "./_crc32c.ts";
import { encodeEvent } from "./_event_proto.ts";
import { TensorboardSink } from "./mod.ts";

/** Fields of a protobuf message, by number, as they lie in it. */
function fieldsOf(bytes: Uint8Array): { number: number; value: number | Uint8Array }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: { number: number; value: number | Uint8Array }[] = [];
  let at = 0;
  const varint = (): number => {
    for (let value = 0, scale = 1;; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const readers: Readonly<Record<number, () => number | Uint8Array>> = {
    0: varint,
    1: () => view.getFloat64((at += 8) - 8, true),
    2: () => {
      const length = varint();
      return bytes.subarray(at, at += length);
    },
    5: () => view.getFloat32((at += 4) - 4, true),
  };
  while (at < bytes.length) {
    const key = varint();
    found.push({ number: key >>> 3, value: readers[key & 7]!() });
  }
  return found;
}

interface Read {
  readonly wallTime: number;
  readonly step: number;
  readonly version?: string;
  readonly starts?: boolean;
  readonly scalars?: Record<string, number>;
}

const text = (value: number | Uint8Array | undefined): string =>
  new TextDecoder().decode(value as Uint8Array | undefined);

function readMessage(bytes: Uint8Array): Read {
  const fields = fieldsOf(bytes);
  const one = (number: number): number | Uint8Array | undefined =>
    fields.find((field) => field.number === number)?.value;
  const values = one(5) === undefined ? undefined : fieldsOf(one(5) as Uint8Array).map(({ value }) => {
    const [tag, number] = fieldsOf(value as Uint8Array);
    return [text(tag!.value), number!.value];
  });
  return {
    wallTime: one(1) as number,
    step: one(2) as number,
    ...(one(3) === undefined ? {} : { version: text(one(3)) }),
    ...(one(7) === undefined ? {} : { starts: fieldsOf(one(7) as Uint8Array)[0]!.value === 1 }),
    ...(values === undefined ? {} : { scalars: Object.fromEntries(values) }),
  };
}

/** Messages of an event file, checksums checked. */
function readEvents(path: string): Read[] {
  const bytes = Deno.readFileSync(path);
  const view = new DataView(bytes.buffer);
  const found: Read[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(view.getBigUint64(at, true));
    assert.equal(view.getUint32(at + 8, true), maskedCrc32c(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(view.getUint32(at + 12 + length, true), maskedCrc32c(data));
    found.push(readMessage(data));
    at += 16 + length;
  }
  return found;
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "gym-tensorboard-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function play(folder: string, events: readonly TrainEvent[], host?: string): Promise<string[]> {
  const sink = new TensorboardSink({ folder, now: () => 1_700_000_000_500, host });
  for (const event of events) await sink.write(event);
  sink.close();
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("crc32c() gives the values of RFC 3720, B.4", () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at)), 0x46dd794e);
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

Deno.test("encodeEvent() says what a parser reads back", () => {
  const scalars = fc.dictionary(
    fc.string({ minLength: 1 }).filter((tag) => tag !== "__proto__"),
    fc.float({ noNaN: true }),
    { minKeys: 1 },
  );
  const record = fc.record({
    wallTime: fc.double({ noNaN: true }),
    step: fc.maxSafeNat(),
    scalars,
  });
  fc.assert(fc.property(record, (event) => {
    assert.deepEqual(readMessage(encodeEvent(event)), { ...event, scalars: { ...event.scalars } });
  }));
});

Deno.test("TensorboardSink writes scalars of steps and evaluations into a file named by time and host", () =>
  inFolder(async (folder) => {
    const names = await play(folder, [
      { kind: "start", config: null, totals: {} },
      { kind: "step", step: 300, steps: 400, metrics: { loss: 0.5, learningRate: 0.25 } },
      { kind: "evaluation", step: 300, metrics: { loss: 2 } },
      { kind: "notice", message: "not a number" },
      { kind: "end", step: 300, reason: "done", summary: null },
    ], "box");
    assert.deepEqual(names, ["events.out.tfevents.1700000000.box"]);
    const wallTime = 1_700_000_000.5;
    assert.deepEqual(readEvents(join(folder, names[0]!)), [
      { wallTime, step: 0, version: "brain.Event:2" },
      { wallTime, step: 1, starts: true },
      { wallTime, step: 300, scalars: { "train/loss": 0.5, "train/learningRate": 0.25 } },
      { wallTime, step: 300, scalars: { "eval/loss": 2 } },
    ]);
  }));

Deno.test("TensorboardSink writes a resumed run into a file of its own that starts after the step it goes on from", () =>
  inFolder(async (folder) => {
    await play(folder, sampleEvents().slice(0, 6));
    const names = await play(folder, sampleEvents().slice(6));
    assert.deepEqual(names, [
      "events.out.tfevents.1700000000.localhost",
      "events.out.tfevents.1700000001.localhost",
    ]);
    assert.deepEqual(readEvents(join(folder, names[1]!)).map(({ step, starts = false }) => [step, starts]), [
      [0, false],
      [3, true],
      [3, false],
      [4, false],
      [4, false],
    ]);
  }));

Deno.test("TensorboardSink refuses a host that is a path", () => {
  assert.throws(() => new TensorboardSink({ folder: "run", host: "../x", now: () => 0 }), {
    name: "TypeError",
    message: 'Cannot name event files: host: wanted a name: received "../x"',
  });
});
