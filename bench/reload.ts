/**
 * What we train loads elsewhere and says the same: tiny models of every family are trained for a few steps, with LoRA
 * and all weights; transformers and PEFT read the folders that come out, and their logits are compared with ours.
 *
 * bench/setup_train_peer.sh # once
 * deno run -A bench/reload.ts
 *
 * Ends with an error when logits are further apart than 1e-4.
 */
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import type { ExportRow } from "../core/exporter.ts";
import { createKernel } from "../core/kernel.ts";
import { seeded } from "../core/prng.ts";
import {
  initModel,
  type InitOptions,
  mergeAdapter,
  openModelFolder,
  readAdapter,
} from "../plugins/models/mod.ts";
import { logitsGraph } from "../plugins/models/training_graph.ts";
import { floats } from "../plugins/onnx/session.ts";
import trainers, { sftTrainer } from "../plugins/trainers/mod.ts";
import { Trainee } from "../plugins/trainers/_trainee.ts";

const LIMIT = 1e-4;
const ROWS = 3;
const LENGTH = 48;
const FAMILIES = ["llama", "mistral", "qwen2", "qwen3"] as const;

interface Row {
  readonly ids: readonly number[];
  readonly positions: readonly number[];
}

interface Peer {
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly { readonly logits: readonly (readonly number[])[] }[];
}

/** What is compared. */
interface Comparison {
  readonly what: string;
  readonly logits: number;
  /** Largest difference. */
  readonly apart: number;
  /** Largest change that training made to a logit: what would be lost if nothing was loaded. */
  readonly trained: number;
  readonly sameArgmax: boolean;
}

const prng = seeded(5);
const rows: readonly Row[] = Array.from({ length: ROWS }, () => ({
  ids: Array.from({ length: LENGTH }, () => Math.floor(prng() * 256)),
  positions: Array.from({ length: LENGTH }, (_, t) => t),
}));

const data: readonly ExportRow[] = Array.from({ length: 16 }, (_, at) => ({
  messages: [{ role: "user", content: `Count to ${at}` }, {
    role: "assistant",
    content: "one two ".repeat(at),
  }],
}));

async function train(model: string, method: "lora" | "full", folder: string): Promise<string> {
  const trainer = await createKernel({ plugins: [trainers] }).make(sftTrainer, {
    ...{ model, method, provider: "cpu", epochs: 3, loraRank: 8 },
    learningRate: method === "lora" ? 2e-2 : 2e-3,
  });
  const given = async function* () {
    yield* data;
  };
  for await (const event of trainer.train({ rows: given, folder })) {
    if (event.kind === "end" && event.reason !== "done") throw new Error(`training ended: ${event.reason}`);
  }
  return join(folder, "final");
}

/** Our logits of all rows, one after another. */
async function ours(model: string, adapter?: string): Promise<Float32Array> {
  await using trainee = await Trainee.create({
    ...{ model, method: adapter === undefined ? "full" : "lora", loraRank: 1, loraAlpha: 1, loraRs: false },
    ...{ loraTargets: ["q_proj"], seed: 0, provider: "cpu", prepack: false },
    ...(adapter === undefined ? {} : { adapter }),
  }, () => {});
  const session = await trainee.session("logits", () => logitsGraph(trainee.model, { maxPositions: LENGTH }));
  const int64 = (numbers: readonly number[], shape: readonly number[]) => ({
    data: BigInt64Array.from(numbers, BigInt),
    shape,
  });
  const { logits } = await session.run({
    ...trainee.learner.feeds(),
    ids: int64(rows.flatMap(({ ids }) => ids), [ROWS, LENGTH]),
    positions: int64(rows.flatMap(({ positions }) => positions), [ROWS, LENGTH]),
    rows: int64(Array.from({ length: ROWS * LENGTH }, (_, at) => at), [ROWS * LENGTH]),
  });
  return floats(logits);
}

/** Logits of all rows as transformers and PEFT compute them. */
async function theirs(folder: string, model: string, adapter: string | null) {
  const [job, result] = [join(folder, "job.json"), join(folder, "result.json")];
  await Deno.writeTextFile(job, JSON.stringify({ model, adapter, rows }));
  const python = fileURLToPath(new URL(".venv-train/bin/python", import.meta.url));
  const script = fileURLToPath(new URL("reload_check.py", import.meta.url));
  const { success, stderr } = await new Deno.Command(python, {
    args: [script, job, result],
    env: { HF_HUB_OFFLINE: "1" },
  }).output();
  if (!success) throw new Error(`reload_check.py failed: ${new TextDecoder().decode(stderr)}`);
  const { versions, rows: found }: Peer = JSON.parse(await Deno.readTextFile(result));
  return { versions, logits: Float32Array.from(found.flatMap((row) => row.logits.flat())) };
}

function apart(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`${a.length} logits are not ${b.length}`);
  return a.reduce((most, x, at) => Math.max(most, Math.abs(x - b[at]!)), 0);
}

/** Index of the largest logit in each place. */
function best(logits: Float32Array): number[] {
  const width = logits.length / (ROWS * LENGTH);
  return Array.from({ length: ROWS * LENGTH }, (_, at) => {
    const place = logits.subarray(at * width, (at + 1) * width);
    return place.indexOf(Math.max(...place));
  });
}

async function* compared(folder: string): AsyncGenerator<Comparison> {
  for (const family of FAMILIES) {
    for (const tiedHead of family === "qwen2" ? [false, true] : [false]) {
      const base = join(folder, `${family}-${tiedHead}`);
      const options: InitOptions = { family, tiedHead, seed: 7n, size: "nano" };
      const { path } = await initModel(base, options);
      const before = await ours(path);
      const adapter = await train(path, "lora", `${base}-lora`);
      const merged = `${base}-merged`;
      await mergeAdapter(await openModelFolder(path), await readAdapter(adapter), merged);
      const full = await train(path, "full", `${base}-full`);
      const name = `${family}${tiedHead ? ", tied head" : ""}`;
      for (
        const [sort, model, beside] of [
          ["LoRA, base and adapter", path, adapter],
          ["LoRA, merged", merged, undefined],
          ["all weights", full, undefined],
        ] as const
      ) {
        const own = await ours(model, beside);
        const { logits, versions } = await theirs(folder, model, beside ?? null);
        report.versions = versions;
        yield {
          what: `${name}: ${sort}`,
          logits: own.length,
          apart: apart(own, logits),
          trained: apart(own, before),
          sameArgmax: `${best(own)}` === `${best(logits)}`,
        };
      }
    }
  }
}

const report: { versions: Readonly<Record<string, string>> } = { versions: {} };
const folder = await Deno.makeTempDir({ prefix: "gym-reload-" });
try {
  console.log("| trained | logits | largest difference | largest change by training | same best tokens |");
  console.log("|---|---|---|---|---|");
  let worst = 0;
  for await (const { what, logits, apart, trained, sameArgmax } of compared(folder)) {
    const same = sameArgmax ? "yes" : "no";
    console.log(`| ${what} | ${logits} | ${apart.toExponential(1)} | ${trained.toFixed(2)} | ${same} |`);
    worst = Math.max(worst, apart);
  }
  console.log(`\n${Object.entries(report.versions).map((pair) => pair.join(" ")).join(", ")}`);
  if (!(worst < LIMIT)) throw new Error(`Cannot reload: wanted logits within ${LIMIT}: received ${worst}`);
} finally {
  await Deno.remove(folder, { recursive: true });
}
