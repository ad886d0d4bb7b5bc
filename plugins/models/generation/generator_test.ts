/** What requests of one generator do to each other, to the session, and to the caller. */
import assert from "node:assert/strict";
import { Session } from "../../onnx/session.ts";
import { openModelFolder } from "../folder.ts";
import { initModel } from "../init.ts";
import type { TrainedModel } from "../training_graph.ts";
import { type GenerateRequest, type Generation, Generator, type GeneratorOptions } from "./generator.ts";

const greedy = { temperature: 0 };
const prompt = Int32Array.of(1, 2, 3);
const WIDTH = 16;

/** A model of one layer, read once. */
let model: Promise<TrainedModel> | undefined;

async function oneLayer(): Promise<TrainedModel> {
  const folder = await Deno.makeTempDir();
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const size = { layers: 1, hiddenSize: WIDTH, heads: 2, keyValueHeads: 1, intermediateSize: 16 };
  await initModel(folder, { seed: 3n, size, contextLength: 256 });
  const { config, weights } = await openModelFolder(folder);
  return { config, weights, buckets: [], lora: null };
}

async function generatorOf(options: GeneratorOptions = {}): Promise<Generator> {
  return await Generator.create(await (model ??= oneLayer()), {}, options);
}

/** The same with the last norm as a parameter. */
async function withTrainedNorm(): Promise<TrainedModel> {
  const base = await (model ??= oneLayer());
  const parameter = { name: "model.norm.weight", shape: [WIDTH], decay: false };
  return { ...base, buckets: [{ name: "norm", parameters: [parameter], size: WIDTH, decay: false }] };
}

/** A feed for the norm: the same number everywhere. */
const norm = (value: number) => ({ norm: { data: new Float32Array(WIDTH).fill(value), shape: [WIDTH] } });

const asked = (request: Partial<GenerateRequest> = {}): GenerateRequest => ({
  promptIds: prompt,
  maxNewTokens: 8,
  seed: 1,
  ...request,
});

/** Counts the runs of all sessions while something goes on. */
async function runsOf(during: () => Promise<unknown>): Promise<number> {
  const { run } = Session.prototype;
  let runs = 0;
  Session.prototype.run = function (feeds) {
    runs++;
    return run.call(this, feeds);
  };
  try {
    await during();
  } finally {
    Session.prototype.run = run;
  }
  return runs;
}

Deno.test("generate() ends at a stop id, which is the last of its ids", async () => {
  await using generator = await generatorOf();
  const { ids } = await generator.generate(asked());
  const stop = ids[4]!;
  const made = await generator.generate(asked({ stopIds: [100_000, stop] }));
  assert.equal(made.reason, "stop");
  assert.deepEqual([...made.ids], [...ids.slice(0, ids.indexOf(stop) + 1)]);
  assert.equal(made.logProbabilities.length, made.ids.length);
  assert.equal(made.drawnLogProbabilities.length, made.ids.length);
});

Deno.test("generate() ends when its caller says so and tells the caller each id once, in order", async () => {
  await using generator = await generatorOf();
  const told: number[] = [];
  const made = await generator.generate(asked({ onToken: (id) => told.push(id) === 3 }));
  assert.equal(made.reason, "caller");
  assert.deepEqual([...made.ids], told);
  assert.equal(told.length, 3);
});

Deno.test("generate() ends at the limit of new tokens and at the end of the context", async () => {
  await using generator = await generatorOf({ maxLength: 70 });
  const few = await generator.generate(asked({ maxNewTokens: 1 }));
  assert.deepEqual([few.reason, few.ids.length], ["length", 1]);
  const all = await generator.generate(asked({ maxNewTokens: 1000 }));
  assert.deepEqual([all.reason, all.ids.length], ["length", 67]);
  const last = await generator.generate(asked({ promptIds: new Int32Array(69).fill(5) }));
  assert.deepEqual([last.reason, last.ids.length], ["length", 1]);
});

Deno.test("generate() does not begin what was aborted before its turn", async () => {
  await using generator = await generatorOf({ maxBatch: 1 });
  const runs = await runsOf(async () => {
    const made = await generator.generate(asked({ signal: AbortSignal.abort() }));
    assert.deepEqual([made.reason, made.ids.length], ["aborted", 0]);
  });
  assert.equal(runs, 0);
  const stop = new AbortController();
  const waiting = new AbortController();
  const ended: string[] = [];
  const [first, second] = await Promise.all([
    generator.generate(
      asked({
        maxNewTokens: 100,
        signal: stop.signal,
        onToken: (() => {
          let count = 0;
          return () => {
            if (++count === 3) waiting.abort();
            if (count === 6) stop.abort();
          };
        })(),
      }),
    ).finally(() => ended.push("first")),
    generator.generate(asked({ signal: waiting.signal })).finally(() => ended.push("second")),
  ]);
  assert.deepEqual([first.reason, first.ids.length], ["aborted", 6]);
  assert.deepEqual([second.reason, second.ids.length], ["aborted", 0]);
  assert.deepEqual(ended, ["second", "first"], "what waits is not held up by what runs");
});

for (const [what, thrown] of [["an error", new Error("no more")], ["a text", "no more"]] as const) {
  Deno.test(`a callback that throws ${what} ends its own request alone`, async () => {
    await using generator = await generatorOf();
    const alone = await generator.generate(asked({ seed: 2 }));
    let count = 0;
    const [failed, other] = await Promise.allSettled([
      generator.generate(asked({
        onToken: () => {
          if (++count === 2) throw thrown;
        },
      })),
      generator.generate(asked({ seed: 2 })),
    ]);
    assert.deepEqual(failed, { status: "rejected", reason: thrown });
    assert.deepEqual(other, { status: "fulfilled", value: alone });
  });
}

Deno.test("generate() refuses what it cannot begin", async () => {
  await using generator = await generatorOf();
  const refuses = (request: Partial<GenerateRequest>, wanted: object) =>
    assert.rejects(generator.generate(asked(request)), wanted);
  const empty = "Cannot generate: wanted a prompt and at least one new token: received";
  await refuses({ promptIds: new Int32Array() }, { name: "RangeError", message: `${empty} 0 and 8` });
  await refuses({ maxNewTokens: 0 }, { name: "RangeError", message: `${empty} 3 and 0` });
  await refuses({ maxNewTokens: NaN }, { name: "RangeError", message: `${empty} 3 and NaN` });
  const { vocabularySize } = (await model!).config;
  for (const id of [vocabularySize, -1]) {
    await refuses({ promptIds: Int32Array.of(1, id) }, {
      name: "RangeError",
      message: `Cannot generate: wanted ids from 0 to ${vocabularySize - 1}: received ${id}`,
    });
  }
  await refuses({ promptIds: new Int32Array(256) }, {
    code: "LIMIT_EXCEEDED",
    message: "Cannot generate: wanted a prompt of fewer than 256 tokens: received 256",
    data: { limit: 256, received: 256 },
  });
});

Deno.test("a session that fails is told to every request, in whichever lane it waits, and the generator goes on", async () => {
  const trained = await withTrainedNorm();
  await using generator = await Generator.create(trained, {}, { maxBatch: 64 });
  const long = new Int32Array(140).fill(4);
  const all = await Promise.allSettled(
    Array.from(
      { length: 70 },
      (_, at) => generator.generate(asked({ promptIds: at % 2 === 0 ? prompt : long })),
    ),
  );
  assert.deepEqual(
    all.map((each) => each.status === "rejected" && each.reason.code),
    Array(70).fill("ENGINE_FAILED"),
  );
  generator.setParameters(norm(1));
  assert.equal((await generator.generate(asked())).ids.length, 8);
});

Deno.test("setParameters() waits for nobody: it wants an idle generator, and results follow it", async () => {
  const trained = await withTrainedNorm();
  await using generator = await Generator.create(trained, norm(1), { maxBatch: 1 });
  const two = [generator.generate(asked()), generator.generate(asked())];
  assert.throws(() => generator.setParameters(norm(2)), {
    name: "TypeError",
    message: "Cannot change parameters: wanted an idle generator: received one with 2 requests",
  });
  const [first, again] = await Promise.all(two);
  generator.setParameters(norm(0)); // every logit is 0 then
  const flat = await generator.generate(asked());
  assert.deepEqual(first, again);
  for (const each of flat.logProbabilities) {
    assert.ok(Math.abs(each + Math.log(trained.config.vocabularySize)) < 1e-5);
  }
});

Deno.test("disposing waits for what was asked", async () => {
  const generator = await generatorOf({ maxBatch: 1 });
  const asking = Promise.all([generator.generate(asked()), generator.generate(asked())]);
  await generator[Symbol.asyncDispose]();
  assert.deepEqual((await asking).map(({ ids }) => ids.length), [8, 8]);
});

Deno.test("64 requests over 8 places all end, and nobody waits for longer than its turn", async () => {
  await using generator = await generatorOf({ maxBatch: 8 });
  const lengths = Array.from({ length: 64 }, (_, at) => 1 + at * 11 % 23);
  const begun: number[] = [];
  const ended: number[] = [];
  const made = await Promise.all(lengths.map(async (maxNewTokens, at) => {
    const result = await generator.generate(asked({
      seed: at,
      maxNewTokens,
      sampling: at % 2 === 0 ? greedy : {},
      promptIds: new Int32Array([3, 70, 140][at % 3]!).fill(7),
      onToken: () => {
        if (!begun.includes(at)) begun.push(at);
      },
    }));
    ended.push(at);
    return result;
  }));
  assert.deepEqual(made.map(({ ids }) => ids.length), lengths);
  assert.equal(ended.length, 64);
  // Places are given in order; those that join together draw their first tokens at once.
  for (const [turn, at] of begun.entries()) assert.ok(Math.abs(turn - at) < 8, `${at} began as ${turn}`);
  // While a request of n tokens runs, 7 other places end at most one request a token each.
  for (const [turn, at] of ended.entries()) {
    assert.ok(turn <= at + 8 * lengths[at]!, `${at} ended as ${turn}`);
  }
});

Deno.test("a batch shares its runs: as many as its longest request needs", async () => {
  const runs = async (maxBatch: number, count: number): Promise<number> => {
    await using generator = await generatorOf({ maxBatch });
    const all: GenerateRequest[] = Array.from({ length: count }, (_, seed) => asked({ seed }));
    const results: Generation[] = [];
    const counted = await runsOf(async () => {
      results.push(...await Promise.all(all.map((request) => generator.generate(request))));
    });
    assert.equal(results.length, count);
    return counted;
  };
  assert.equal(await runs(1, 8), 64);
  assert.equal(await runs(4, 8), 16);
  assert.equal(await runs(8, 8), 8);
  assert.equal(await runs(16, 8), 8);
});

Deno.test("a ragged batch shares its runs as well, unless so many places make masked room dearer than a run", async () => {
  const runs = async (maxBatch: number): Promise<number> => {
    await using generator = await generatorOf({ maxBatch });
    return await runsOf(() =>
      Promise.all(
        [5, 140, 200].map((length) =>
          generator.generate(asked({ promptIds: new Int32Array(length).fill(7) }))
        ),
      )
    );
  };
  assert.equal(await runs(8), 2 + 7); // prompts of 16 and of 256 places
  assert.equal(await runs(64), 2 + 7 + 7); // lanes up to 128 and 256
});

Deno.test("a request that joins a running batch costs one run for its prompt", async () => {
  await using generator = await generatorOf();
  let late: Promise<Generation> | undefined;
  const runs = await runsOf(async () => {
    const onToken = (): void => void (late ??= generator.generate(asked({ seed: 9, maxNewTokens: 3 })));
    await generator.generate(asked({ onToken }));
    await late;
  });
  assert.equal(runs, 9);
});

Deno.test("a long prompt is computed in parts with the same result", async () => {
  const promptIds = Int32Array.from({ length: 150 }, (_, at) => 1 + at % 50);
  const texts: number[][] = [];
  for (const promptChunk of [512, 64, 7]) {
    await using generator = await generatorOf({ promptChunk });
    const runs = await runsOf(async () => {
      texts.push([...(await generator.generate(asked({ promptIds, sampling: greedy }))).ids]);
    });
    assert.equal(runs, Math.ceil(150 / promptChunk) + 7);
  }
  assert.deepEqual(texts[1], texts[0]);
  assert.deepEqual(texts[2], texts[0]);
});

Deno.test("contexts that are no power of two, and shorter than the smallest lane, are used to their end", async () => {
  for (const maxLength of [10, 64, 65, 200]) {
    await using generator = await generatorOf({ maxLength });
    const { ids } = await generator.generate(asked({ maxNewTokens: 1000 }));
    assert.equal(ids.length, maxLength - prompt.length);
  }
});

/** Requests that differ in everything, among them states, prompts that repeat, and chunks of several sizes. */
async function crowd(generator: Generator): Promise<readonly GenerateRequest[]> {
  const text = Int32Array.from({ length: 200 }, (_, at) => 1 + at * 7 % 90);
  const { state } = await generator.generate(
    asked({ promptIds: text.subarray(0, 40), keepState: true, maxNewTokens: 1, sampling: greedy }),
  );
  return Array.from({ length: 20 }, (_, at) =>
    asked({
      promptIds: text.subarray(0, [5, 41, 45, 70, 150][at % 5]),
      seed: at % 10,
      maxNewTokens: 3 + at,
      keepState: at % 3 === 0,
      ...(at % 5 > 0 && at % 2 === 0 ? { state: state! } : {}),
    }));
}

Deno.test("what a request gets depends on its prompt, seed and state alone, to the last bit", async () => {
  const texts: string[] = [];
  for (const maxBatch of [1, 3, 64]) {
    await using generator = await generatorOf({ maxBatch, promptChunk: 64 });
    const requests = await crowd(generator);
    const shown = ({ state, ...made }: Generation) => {
      // Sound: what a state holds is its own affair; its bytes show in what is made from it.
      return JSON.stringify([made, state?.bytes]);
    };
    const together = (await Promise.all(requests.map((request) => generator.generate(request)))).map(shown);
    for (const order of [requests, requests.toReversed()]) {
      const alone = new Map<GenerateRequest, string>();
      for (const request of order) alone.set(request, shown(await generator.generate(request)));
      assert.deepEqual(requests.map((request) => alone.get(request)), together);
    }
    texts.push(JSON.stringify(together));
  }
  assert.equal(new Set(texts).size, 1);
});

Deno.test("turns that go on from states write what turns without them write", async () => {
  await using generator = await generatorOf();
  const told = Int32Array.of(11, 12, 13, 14, 15);
  const turns = async (keepState: boolean) => {
    let promptIds = prompt;
    let before: Generation | null = null;
    const all: Generation[] = [];
    for (let turn = 0; turn < 8; turn++) {
      const state = before?.state;
      before = await generator.generate(
        asked({ promptIds, sampling: greedy, keepState, ...(state === undefined ? {} : { state }) }),
      );
      all.push(before);
      promptIds = Int32Array.of(...promptIds, ...before.ids, ...told);
    }
    return all;
  };
  const [kept, anew] = [await turns(true), await turns(false)];
  assert.ok(kept.every(({ state }) => state !== undefined) && anew.every(({ state }) => state === undefined));
  for (const [at, { ids, logProbabilities }] of kept.entries()) {
    assert.deepEqual(ids, anew[at]!.ids);
    for (const [t, value] of logProbabilities.entries()) {
      assert.ok(Math.abs(value - anew[at]!.logProbabilities[t]!) < 1e-4);
    }
  }
});

Deno.test("a state is worth its tokens: only the rest of a prompt is computed, in the least power of two", async () => {
  await using generator = await generatorOf();
  const promptIds = new Int32Array(120).fill(5);
  const { state } = await generator.generate(asked({ promptIds, maxNewTokens: 1, keepState: true }));
  assert.equal(state!.ids.length, 120);
  const sizes = async (request: Partial<GenerateRequest>): Promise<number[]> => {
    const { run } = Session.prototype;
    const seen: number[] = [];
    Session.prototype.run = function (feeds) {
      seen.push(feeds["ids"]!.shape[1]!);
      return run.call(this, feeds);
    };
    try {
      await generator.generate(asked({ maxNewTokens: 1, ...request }));
    } finally {
      Session.prototype.run = run;
    }
    return seen;
  };
  const longer = Int32Array.of(...promptIds, ...new Int32Array(17).fill(6));
  assert.deepEqual(await sizes({ promptIds: longer, state: state! }), [32]);
  assert.deepEqual(await sizes({ promptIds, state: state! }), [16]);
  assert.deepEqual(await sizes({ promptIds: new Int32Array(120).fill(6), state: state! }), [128]);
});

Deno.test("requests for one prompt share its computing and draw each for itself", async () => {
  await using generator = await generatorOf();
  const alone = await generator.generate(asked({ seed: 3 }));
  const rows: number[] = [];
  const { run } = Session.prototype;
  Session.prototype.run = function (feeds) {
    rows.push(feeds["ids"]!.shape[0]!);
    return run.call(this, feeds);
  };
  try {
    const group = await Promise.all([1, 2, 3, 4].map((seed) => generator.generate(asked({ seed }))));
    assert.deepEqual(group[2], alone);
    assert.equal(new Set(group.map(({ ids }) => ids.join())).size, 4);
  } finally {
    Session.prototype.run = run;
  }
  assert.deepEqual(rows, [1, ...Array(7).fill(4)]);
});

Deno.test("a state that other parameters made is not used", async () => {
  await using generator = await Generator.create(await withTrainedNorm(), norm(1));
  const longer = Int32Array.of(...prompt, 4, 5);
  const { state } = await generator.generate(asked({ keepState: true }));
  generator.setParameters(norm(2));
  const wanted = await generator.generate(asked({ promptIds: longer }));
  assert.deepEqual(await generator.generate(asked({ promptIds: longer, state: state! })), wanted);
});

Deno.test("a constraint decides what may come; the model's own log-probabilities stay its own", async () => {
  await using generator = await generatorOf();
  const even = (told: number[]) => ({
    restrict: (logits: Float32Array) => logits.map((logit, id) => id % 2 === 0 ? logit : -Infinity),
    accept: (id: number) => void told.push(id),
  });
  for (const sampling of [greedy, {}]) {
    const told: number[] = [];
    const made = await generator.generate(asked({ sampling, constraint: even(told) }));
    assert.deepEqual([...made.ids], told);
    assert.ok(told.every((id) => id % 2 === 0));
    const free = await generator.generate(asked({ sampling }));
    for (const [t, own] of made.logProbabilities.entries()) {
      assert.ok(made.drawnLogProbabilities[t]! > own + 0.1); // about half of the probability is left
    }
    for (const [t, own] of free.logProbabilities.entries()) {
      assert.ok(Math.abs(free.drawnLogProbabilities[t]! - own) < 1e-5);
    }
  }
  const nothing = { restrict: (logits: Float32Array) => logits.map(() => -Infinity), accept: () => {} };
  for (const sampling of [greedy, {}]) {
    await assert.rejects(generator.generate(asked({ sampling, constraint: nothing })), {
      message: "Cannot sample: wanted finite logits: received others",
    });
  }
});

Deno.test("long contexts give the same to the last bit beside others, also where a product is divided among threads", async () => {
  const folder = await Deno.makeTempDir();
  const size = { layers: 1, hiddenSize: 256, heads: 4, keyValueHeads: 1, intermediateSize: 16 };
  await initModel(folder, { seed: 3n, size, contextLength: 2048 });
  const { config, weights } = await openModelFolder(folder);
  const requests = Array.from(
    { length: 4 },
    (_, seed) =>
      asked({ seed, promptIds: Int32Array.from({ length: 600 }, (_, at) => 1 + (at * 7 + seed) % 90) }),
  );
  const texts: string[] = [];
  for (const maxBatch of [1, 4]) {
    await using generator = await Generator.create({ config, weights, buckets: [], lora: null }, {}, {
      maxBatch,
      threads: 2,
    });
    texts.push(JSON.stringify(await Promise.all(requests.map((request) => generator.generate(request)))));
  }
  await Deno.remove(folder, { recursive: true });
  assert.equal(texts[0], texts[1]);
});
