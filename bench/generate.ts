/**
 * Greedy decoding of ours beside transformers' `generate` (PyTorch) and transformers.js: same weights in float32, same prompts, same
 * number of threads, each a process of its own, taking turns so that noise meets all of them.
 *
 * deno run -A bench/generate.ts [--shapes tiny,small] [--model FOLDER] [--batches 1,8,8r] [--growth 16,32,64]
 *   [--peers transformers,transformers.js,compile] [--prompt 128] [--new 128] [--rounds 3] [--seconds 2] [--threads 2]
 *   [--work FOLDER] [--json FILE]
 *
 * --model names a folder that bench/smollm2.py wrote. "8r" is a ragged batch of 8: prompts from an eighth of the length to all of
 * it. --growth are batches that only ours does. Decoding is what follows the first token of the last text; what comes before is
 * told as the prompt's. Best and median are of all batches of all rounds; memory is the most of a process that does one batch size.
 * Exits with 1 when texts differ or a side fails. Without bench/.venv-train, which bench/setup_train_peer.sh makes, transformers is
 * left out.
 */
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { exportOnnx, openModelFolder } from "../plugins/models/mod.ts";
import { type GenerateJob, type GenerateResult, type GenerateRun, promptsOf } from "./_generate_job.ts";
import {
  done,
  exists,
  here,
  inTurns,
  machineLine,
  median,
  ownSide,
  python,
  pythonSide,
  type Side,
  tableHead,
  tableRow,
} from "./_sides.ts";
import { type Shape, startOf } from "./_train_job.ts";

/** What came of a side. */
interface Figures {
  readonly decodeBest: number;
  readonly decodeMedian: number;
  readonly promptBest: number;
  readonly peakMemoryBytes: number;
}

const OURS = ownSide("ours", "_generate_ours.ts");
const PEERS: Readonly<Record<string, { readonly side: Side; readonly python: boolean }>> = {
  transformers: { side: pythonSide("transformers", "peer_generate.py"), python: true },
  compile: {
    side: { name: "compile", command: [...pythonSide("", "peer_generate.py").command, "--compile"] },
    python: true,
  },
  "transformers.js": { side: ownSide("transformers.js", "peer_generate.ts", "--no-lock"), python: false },
};

const { values: flags } = parseArgs({
  options: {
    shapes: { type: "string", default: "tiny,small" },
    model: { type: "string" },
    batches: { type: "string", default: "1,8,8r" },
    growth: { type: "string", default: "16,32,64" },
    peers: { type: "string", default: "transformers,transformers.js" },
    prompt: { type: "string", default: "128" },
    new: { type: "string", default: "128" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "2" },
    threads: { type: "string", default: "2" },
    work: { type: "string", default: join(tmpdir(), "gym-bench-generate") },
    json: { type: "string" },
  },
});
const [promptLength, newTokens, rounds] = [Number(flags.prompt), Number(flags.new), Number(flags.rounds)];
const listed = (list: string) => list.split(",").filter((name) => name !== "");

/** Models that are measured: name and folder. */
async function models(): Promise<[string, string][]> {
  const shapes: Readonly<Record<string, Shape>> = JSON.parse(await Deno.readTextFile(here("shapes.json")));
  const made: [string, string][] = [];
  for (const name of listed(flags.shapes)) {
    const shape = shapes[name];
    if (shape === undefined) {
      throw new RangeError(`Cannot measure "${name}": wanted a shape of bench/shapes.json`);
    }
    const work = join(flags.work, name);
    await Deno.mkdir(work, { recursive: true });
    made.push([name, (await startOf(work, shape, undefined)).model]);
  }
  return flags.model === undefined ? made : [...made, ["SmolLM2-135M", resolve(flags.model)]];
}

async function sidesOf(): Promise<Side[]> {
  const withPython = await exists(python);
  if (!withPython) console.log("transformers left out: no bench/.venv-train, run bench/setup_train_peer.sh");
  const peers = listed(flags.peers).map((name) => {
    const peer = PEERS[name];
    if (peer !== undefined) return peer;
    throw new RangeError(`Cannot compare "${name}": wanted one of ${Object.keys(PEERS).join(", ")}`);
  });
  return [OURS, ...peers.filter((peer) => withPython || !peer.python).map(({ side }) => side)];
}

function figuresOf(results: readonly GenerateResult[], prompts: readonly (readonly number[])[]): Figures {
  const runs = results.flatMap((result) => result.runs);
  const decode = runs.map((run: GenerateRun) => run.decoded / run.decode_seconds);
  const promptTokens = prompts.reduce((sum, { length }) => sum + length, 0);
  return {
    decodeBest: Math.max(...decode),
    decodeMedian: median(decode),
    promptBest: promptTokens / Math.min(...runs.map((run) => run.prompt_seconds)),
    peakMemoryBytes: Math.max(...results.map((result) => result.peak_rss_bytes)),
  };
}

const HEADER = [
  "batch",
  "side",
  "decoded tokens/s best",
  "median",
  "ours ×, best",
  "ours ×, median",
  "prompt tokens/s best",
  "peak memory",
];

function row(batch: string, side: string, own: Figures, ours: Figures | undefined): string {
  const ratio = (of: (figures: Figures) => number) =>
    ours === undefined || ours === own ? "-" : (of(ours) / of(own)).toFixed(2);
  return tableRow([
    batch,
    side,
    own.decodeBest.toFixed(1),
    own.decodeMedian.toFixed(1),
    ratio((figures) => figures.decodeBest),
    ratio((figures) => figures.decodeMedian),
    own.promptBest.toFixed(0),
    `${(own.peakMemoryBytes / 1e6).toFixed(0)} MB`,
  ]);
}

/** Where texts of a side first differ from those of the first side; empty when they are equal. */
function differences(results: ReadonlyMap<string, readonly GenerateResult[]>): string[] {
  const [[reference, [{ ids: wanted }]]] = [...results] as [[string, [GenerateResult]]];
  return [...results].flatMap(([name, all]) =>
    all.flatMap(({ ids }) =>
      ids.flatMap((text, b) => {
        const at = text.findIndex((id, t) => id !== wanted[b]![t]);
        return at < 0 ? [] : [`text ${b} of ${name} differs from that of ${reference} from token ${at} on`];
      })
    )
  );
}

/** Compares one batch and prints its rows. */
async function measure(
  batch: string,
  model: { readonly folder: string; readonly exported: string; readonly vocabulary: number },
  sides: readonly Side[],
) {
  const prompts = promptsOf(parseInt(batch), promptLength, batch.endsWith("r"), model.vocabulary);
  const job: GenerateJob = {
    model: model.folder,
    exported: model.exported,
    prompts,
    newTokens,
    threads: Number(flags.threads),
    seconds: Number(flags.seconds),
  };
  const results = await inTurns(sides, rounds, (side) => done<GenerateResult>(side, job, flags.work));
  if (results.size === 0) return { batch, equal: false, complete: false };
  const figures = new Map([...results].map(([name, all]) => [name, figuresOf(all, prompts)]));
  for (const [name, own] of figures) console.log(row(batch, name, own, figures.get("ours")));
  const differing = [...new Set(differences(results))];
  const versions = Object.assign({}, ...[...results.values()].map((all) => all[0]!.versions));
  return {
    batch,
    equal: differing.length === 0,
    complete: results.size === sides.length,
    differing,
    versions,
    sides: Object.fromEntries(figures),
  };
}

const command = ["deno run -A bench/generate.ts", ...Deno.args].join(" ");
const machine = machineLine();
console.log(`${machine}; ${flags.threads} threads\ncommand: ${command}`);
await Deno.mkdir(flags.work, { recursive: true });
const sides = await sidesOf();
const measured = [];
for (const [name, folder] of await models()) {
  const exported = join(flags.work, name, "exported");
  const opened = await openModelFolder(folder);
  if (!await exists(exported)) {
    await Deno.mkdir(join(flags.work, name), { recursive: true });
    await exportOnnx(opened, exported);
  }
  const model = { folder, exported, vocabulary: opened.config.vocabularySize };
  console.log(
    `\n## ${name}, prompts of ${promptLength} tokens, ${newTokens} new ones\n\n${tableHead(HEADER)}`,
  );
  const batches = [];
  for (const batch of listed(flags.batches)) batches.push(await measure(batch, model, sides));
  for (const batch of listed(flags.growth)) batches.push(await measure(batch, model, [OURS]));
  const differing = batches.flatMap(({ batch, differing = [] }) =>
    differing.map((line) => `batch ${batch}: ${line}`)
  );
  console.log(`\n${differing.length === 0 ? "All texts are equal, token for token." : differing.join("\n")}`);
  console.log(
    Object.entries(Object.assign({}, ...batches.map(({ versions }) => versions)))
      .map(([library, version]) => `${library} ${version}`).join(", "),
  );
  measured.push({ model: name, batches });
}
if (flags.json !== undefined) {
  const report = { machine, command, threads: flags.threads, promptLength, newTokens, rounds, measured };
  await Deno.writeTextFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
}
if (measured.some(({ batches }) => batches.some(({ equal, complete }) => !equal || !complete))) Deno.exit(1);
