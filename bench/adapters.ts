/**
 * Speed and memory of the OpenHands adapter on logs of 50 MB made from the real one in examples/logs, and beside it
 * knowlyr-recorder 0.1.2 on the same file (made ready by bench/setup_peer.sh; left out when it is not there).
 *
 *     deno run -A bench/adapters.ts
 *
 * Every reader runs in a process of its own, so that peak memory is its own; each file is read five times there. Reading
 * it once, in another process, shows the memory that a user sees.
 */
import { createKernel } from "../core/kernel.ts";
import { adapter } from "../core/adapter.ts";
import { definePlugin } from "../core/plugin.ts";
import { openhands } from "../plugins/adapters/openhands.ts";
import { openSources } from "../plugins/files/mod.ts";

const MEGABYTES = 50;
const REPEATS = 5;
const REAL = new URL("../examples/logs/openhands_v0_output.jsonl", import.meta.url);

interface Measured {
  readonly seconds: readonly number[];
  readonly steps: number;
  readonly trajectories: number;
  readonly rss: number;
}

async function compare(): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const machine = `${cpu()}, ${navigator.hardwareConcurrency} cores, ${Deno.build.target}`;
    console.log(`${machine}; deno ${Deno.version.deno}, v8 ${Deno.version.v8}`);
    console.log("command: deno run -A bench/adapters.ts\n");
    console.log(
      "| log (50 MB) | reader | MB/s, median of 5 | first | peak RSS, MB, read once | read 5 times | trajectories | steps |",
    );
    console.log("|---|---|---|---|---|---|---|---|");
    for (const [name, write] of LOGS) {
      const file = `${folder}/${name.replaceAll(" ", "_")}.jsonl`;
      const bytes = write(file);
      const gym = (repeats: number): Promise<Measured> =>
        run(Deno.execPath(), ["run", "-A", import.meta.filename!, "--read", file, String(repeats)]);
      show(name, "@knowlyr/gym", bytes, await gym(REPEATS), await gym(1));
      if (name === "rows") continue;
      const python = new URL(".venv/bin/python", import.meta.url).pathname;
      const script = new URL("peer_adapters.py", import.meta.url).pathname;
      try {
        await Deno.stat(python);
      } catch {
        console.log(`| ${name} | knowlyr-recorder | not set up: bench/setup_peer.sh | | | | | |`);
        continue;
      }
      const peer = (repeats: number): Promise<Measured> => run(python, [script, file, String(repeats)]);
      show(name, "knowlyr-recorder 0.1.2", bytes, await peer(REPEATS), await peer(1));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const LOGS: readonly (readonly [string, (file: string) => number])[] = [
  ["events of many episodes", (file) => write(file, (episode) => events(episode, 0))],
  ["rows", (file) => write(file, (episode) => [row(episode)])],
  [
    "events of one episode",
    (file) =>
      write(file, (episode) => episode === 0 ? events(0, 0) : events(episode, 100 * episode).slice(2, -1)),
  ],
];

/** Writes lines until the file has its size; returns that size. */
function write(file: string, lines: (episode: number) => readonly unknown[]): number {
  using out = Deno.openSync(file, { write: true, create: true });
  const encoder = new TextEncoder();
  let bytes = 0;
  for (let episode = 0; bytes < MEGABYTES * 1e6; episode++) {
    const chunk = encoder.encode(lines(episode).map((line) => `${JSON.stringify(line)}\n`).join(""));
    for (let at = 0; at < chunk.length;) at += out.writeSync(chunk.subarray(at));
    bytes += chunk.length;
  }
  return bytes;
}

/** The real row under another name, with texts that differ from episode to episode. */
function row(episode: number): Record<string, unknown> {
  const text = Deno.readTextFileSync(REAL).replaceAll("ponylang__ponyc", `ponylang__ponyc_${episode}`)
    .replaceAll("toolu_", `toolu_${episode}_`).replaceAll("gen-17", `gen-${episode}-17`);
  return JSON.parse(text);
}

function events(episode: number, firstId: number): readonly unknown[] {
  const history = row(episode)["history"] as readonly Record<string, number>[];
  return history.map((event) => ({
    ...event,
    id: event["id"]! + firstId,
    ...(event["cause"] === undefined ? {} : { cause: event["cause"] + firstId }),
  }));
}

async function read(file: string, repeats: number): Promise<Measured> {
  const kernel = createKernel({
    plugins: [definePlugin({ name: "bench/openhands", version: "0.0.0", provides: [openhands] })],
  });
  const reader = await kernel.make(adapter, "knowlyr/openhands-v1", {});
  const [source] = await Array.fromAsync(
    openSources([file], { cwd: Deno.cwd(), stdin: () => Deno.stdin.readable }),
  );
  const seconds: number[] = [];
  let steps = 0;
  let trajectories = 0;
  for (let repeat = 0; repeat < repeats; repeat++) {
    const start = performance.now();
    steps = trajectories = 0;
    for await (const trajectory of reader.read(source!)) {
      steps += trajectory.steps.length;
      trajectories++;
    }
    seconds.push((performance.now() - start) / 1000);
  }
  const peak = /VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return { seconds, steps, trajectories, rss: Number(peak) * 1024 };
}

async function run(program: string, args: readonly string[]): Promise<Measured> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  if (!success) throw new Error(`Cannot run ${program}: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

function show(
  log: string,
  reader: string,
  bytes: number,
  { seconds, steps, trajectories, rss }: Measured,
  once: Measured,
): void {
  const rate = (time: number) => (bytes / 1e6 / time).toFixed(0);
  const median = [...seconds].sort((a, b) => a - b)[Math.floor(seconds.length / 2)]!;
  const memory = (bytes: number) => (bytes / 1e6).toFixed(0);
  console.log(
    `| ${log} | ${reader} | ${rate(median)} | ${rate(seconds[0]!)} | ${memory(once.rss)} | ${
      memory(rss)
    } | ${trajectories} | ${steps} |`,
  );
}

function cpu(): string {
  return /model name\s*:\s*(.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? "unknown processor";
}

const [mode, path, repeats] = Deno.args;
if (mode === "--read" && path !== undefined) {
  console.log(JSON.stringify(await read(path, Number(repeats ?? REPEATS))));
} else await compare();
