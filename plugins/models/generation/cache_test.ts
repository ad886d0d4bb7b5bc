import assert from "node:assert/strict";
import fc from "fast-check";
import type { ModelConfig } from "../config.ts";
import { MASKED } from "../decoder.ts";
import { KeyValueCache } from "./cache.ts";
import { CACHE_BLOCK, cacheNames } from "./decoding_graph.ts";
import { TextState } from "./text_state.ts";

const [groups, D, layers] = [2, 3, 2];
// Sound: the cache looks at nothing but these.
const config = { keyValueHeads: groups, headDimension: D, layers } as ModelConfig;

/** One number of a token: which sequence and token it belongs to, and where in the cache. */
const mark = (token: number, array: number, group: number, d: number): number =>
  ((token * 2 * layers + array) * groups + group) * D + d + 1;

/** The naive model: rows are lists of tokens. */
type Rows = number[][];

/** What extend() takes for tokens of rows, padded to T with rubbish. */
function made(parts: readonly (readonly number[])[], T: number): Float32Array[] {
  return Array.from(
    { length: 2 * layers },
    (_, array) =>
      Float32Array.from(
        parts.flatMap((part) =>
          Array.from({ length: groups }, (_, group) =>
            Array.from({ length: T }, (_, t) =>
              Array.from(
                { length: D },
                (_, d) => part[t] === undefined ? -7 : mark(part[t], array, group, d),
              ))).flat(2)
        ),
      ),
  );
}

/** Reads the feeds of rows back and compares them with the naive rows. */
function same(cache: KeyValueCache, rows: Rows, from: number, to: number): void {
  const { cached, ...sides } = cache.feeds(from, to);
  const seen = rows.slice(from, to);
  assert.deepEqual(cache.lengths, rows.map(({ length }) => length));
  const blocks = cache.room / CACHE_BLOCK;
  assert.deepEqual(cached!.shape, [seen.length, blocks, CACHE_BLOCK]);
  const mask = seen.map((row) => Array.from({ length: cache.room }, (_, t) => t < row.length ? 0 : MASKED));
  assert.deepEqual([...cached!.data], [...Float32Array.from(mask.flat())]);
  for (let layer = 0; layer < layers; layer++) {
    for (const [side, name] of cacheNames(layer).entries()) {
      const { data, shape } = sides[name]!;
      assert.deepEqual(shape, [seen.length, groups, blocks, CACHE_BLOCK, D]);
      assert.equal(data.length, seen.length * groups * cache.room * D);
      for (const [b, row] of seen.entries()) {
        for (let group = 0; group < groups; group++) {
          const start = (b * groups + group) * cache.room * D;
          const wanted = row.flatMap((token) =>
            Array.from({ length: D }, (_, d) => mark(token, 2 * layer + side, group, d))
          );
          assert.deepEqual([...data.subarray(start, start + row.length * D)], wanted);
        }
      }
    }
  }
}

const ROOM = CACHE_BLOCK;
const operation = fc.oneof(
  fc.constant({ does: "add" as const }),
  fc.record({ does: fc.constant("remove" as const), row: fc.nat() }),
  fc.record({ does: fc.constant("move" as const), row: fc.nat() }),
  fc.record({ does: fc.constant("copy" as const), row: fc.nat(), to: fc.nat() }),
  fc.record({ does: fc.constant("resize" as const), blocks: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    does: fc.constant("extend" as const),
    from: fc.nat(),
    counts: fc.array(fc.nat(60), { minLength: 12, maxLength: 12 }),
  }),
);

Deno.test("KeyValueCache holds what a list of lists would after any adds, removals, extensions, moves and changes of room", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
      const [cache, larger] = [new KeyValueCache(config, ROOM), new KeyValueCache(config, 2 * ROOM)];
      const [rows, moved]: [Rows, Rows] = [[], []];
      let token = 0;
      const dropped = (row: number): number[] => {
        const [gone, last] = [rows[row]!, rows.pop()!];
        if (row < rows.length) rows[row] = last;
        return gone;
      };
      for (const step of operations) {
        if (step.does === "add") {
          assert.equal(cache.add(), rows.length);
          rows.push([]);
        } else if (step.does === "resize") {
          const longest = Math.max(1, ...rows.map(({ length }) => length));
          cache.resize(Math.max(step.blocks, Math.ceil(longest / CACHE_BLOCK)) * CACHE_BLOCK);
        } else if (rows.length === 0) continue;
        else if (step.does === "extend") {
          const from = step.from % rows.length;
          const parts = rows.slice(from).map((row, at) =>
            Array.from({ length: Math.min(step.counts[at % 12]!, cache.room - row.length) }, () => token++)
          );
          cache.extend(from, made(parts, 60), parts.map(({ length }) => length));
          for (const [at, part] of parts.entries()) rows[from + at]!.push(...part);
        } else if (step.does === "copy") {
          const [row, to] = [step.row % rows.length, step.to % rows.length];
          cache.copyRow(row, to);
          rows[to] = [...rows[row]!];
        } else {
          const row = step.row % rows.length;
          if (step.does === "move") {
            larger.resize(Math.max(larger.room, cache.room));
            cache.copyTo(larger, row);
          }
          cache.remove(row);
          const gone = dropped(row);
          if (step.does === "move") moved.push(gone);
        }
      }
      for (let from = 0; from < rows.length; from++) {
        same(cache, rows, from, rows.length);
        same(cache, rows, from, from + 1);
      }
      if (moved.length > 0) same(larger, moved, 0, moved.length);
    }),
    { seed: 1, numRuns: 60 },
  );
});

Deno.test("KeyValueCache tells its bytes and grows with its rows and its room alone", () => {
  const cache = new KeyValueCache(config, ROOM);
  const row = 2 * layers * groups * ROOM * D * 4;
  assert.equal(cache.bytes, row);
  cache.add();
  assert.equal(cache.bytes, row);
  for (let more = 0; more < 4; more++) cache.add();
  assert.ok(cache.bytes >= 5 * row && cache.bytes <= 10 * row);
  cache.resize(3 * ROOM);
  assert.equal(cache.bytes, 15 * row);
  for (let row = 0; row < 5; row++) cache.remove(0);
  cache.resize(ROOM);
  assert.equal(cache.bytes, row);
});

Deno.test("TextState gives a row back, or the part of it that a prompt begins with, and keeps its own copy", () => {
  const cache = new KeyValueCache(config, ROOM);
  for (const row of [[1], [2, 3, 4]]) {
    cache.extend(cache.add(), made([row], 3), [row.length]);
  }
  const parameters = {};
  const state = TextState.of(cache, 1, Int32Array.of(2, 3, 4, 9), parameters);
  assert.deepEqual([...state.ids], [2, 3, 4]);
  assert.equal(state.bytes, 3 * 2 * layers * groups * D * 4);
  cache.remove(0); // what the state was made from moves and is written over
  cache.extend(cache.add(), made([[7, 8]], 3), [2]);
  for (const room of [ROOM, 2 * ROOM]) {
    const other = new KeyValueCache(config, room);
    for (const count of [3, 1]) state.restore(other, other.add(), count, config);
    same(other, [[2, 3, 4], [2]], 0, 2);
    other.extend(0, made([[5], [6]], 1), [1, 1]);
    same(other, [[2, 3, 4, 5], [2, 6]], 0, 2);
  }
});

Deno.test("TextState covers what a prompt shares with it, but never the last token, and nothing of other parameters", () => {
  const cache = new KeyValueCache(config, ROOM);
  cache.extend(cache.add(), made([[1, 2, 3]], 3), [3]);
  const parameters = {};
  const state = TextState.of(cache, 0, Int32Array.of(1, 2, 3), parameters);
  const covered = (...ids: number[]) => state.covered(Int32Array.from(ids), parameters);
  assert.deepEqual(
    [covered(1, 2, 3, 4), covered(1, 2, 3), covered(1, 2, 9, 4), covered(9), covered(1)],
    [3, 2, 2, 0, 0],
  );
  assert.equal(state.covered(Int32Array.of(1, 2, 3, 4), {}), 0);
});
