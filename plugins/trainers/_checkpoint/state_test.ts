import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import type { Json } from "../../../core/schema.ts";
import { readState, readVectors, STATE_FILE, type TrainState, writeState, writeVectors } from "./mod.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "gym-state-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const count = fc.maxSafeNat();
const word = fc.integer({ min: 0, max: 0xffff_ffff });
const json = fc.jsonValue({ maxDepth: 2, noUnicodeString: false }).map((value) =>
  JSON.parse(JSON.stringify(value)) as Json
).filter((value) => !JSON.stringify(value).includes("__proto__"));
const states: fc.Arbitrary<TrainState> = fc.record({
  step: count,
  epoch: count,
  cursor: json,
  prng: fc.tuple(word, word, word, word),
  bestMetric: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)),
  evaluationsSinceBest: count,
  configHash: fc.string(),
  dataHash: fc.string(),
  versions: fc.constant({ gym: "0.1.0" }),
});

Deno.test("readState() gives back what writeState() was given", () =>
  inFolder(async (folder) => {
    await fc.assert(
      fc.asyncProperty(states, async (state) => {
        await writeState(folder, state);
        assert.deepEqual(await readState(folder), JSON.parse(JSON.stringify(state)));
      }),
      { numRuns: 50 },
    );
  }));

const state: TrainState = {
  step: 1,
  epoch: 0,
  cursor: null,
  prng: [1, 2, 3, 4],
  bestMetric: null,
  evaluationsSinceBest: 0,
  configHash: "a",
  dataHash: "b",
  versions: {},
};

Deno.test("writeState() and readState() name what is wrong with a state", () =>
  inFolder(async (folder) => {
    const path = join(folder, STATE_FILE);
    await assert.rejects(writeState(folder, { ...state, bestMetric: NaN }), {
      code: "INVALID_DATA",
      message: `Cannot write state "${path}": bestMetric: expected number: received null`,
    });
    await assert.rejects(readState(folder), {
      code: "FILE_ACCESS",
      message: `Cannot read "${path}": no such file or folder`,
    });
    await Deno.writeTextFile(path, "{");
    await assert.rejects(readState(folder), { code: "INVALID_DATA" });
    await Deno.writeTextFile(path, JSON.stringify({ ...state, prng: [1, 2, 3, -4] }));
    await assert.rejects(readState(folder), {
      code: "INVALID_DATA",
      message: `Cannot read state "${path}": prng.3: too small: expected number to be >=0: received -4`,
    });
  }));

Deno.test("readVectors() gives back the very bits that writeVectors() was given", () =>
  inFolder(async (folder) => {
    const vectors = new Map([
      ["moment1", Float32Array.of(1e-45, -0, 3.4e38, 1 / 3, NaN)],
      ["moment2", new Float32Array(1000).map((_, at) => Math.sqrt(at))],
      ["empty", new Float32Array(0)],
    ]);
    await writeVectors(join(folder, "optimizer.safetensors"), vectors);
    const read = await readVectors(join(folder, "optimizer.safetensors"));
    assert.deepEqual(new Map([...read].sort()), new Map([...vectors].sort()));
  }));
