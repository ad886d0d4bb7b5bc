/**
 * Steps a second of a trivial environment through max-steps and record, beside knowlyr 0.1.2 on the same machine.
 *
 *     deno run -A bench/wrappers.ts [STEPS]
 *
 * Two figures each: the steps alone, and the steps with the finished trajectory (ours with its content hash).
 */
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import type { Env, TimeStep } from "../core/env.ts";
import type { Action, EnvSpec } from "../core/trajectory.ts";
import { pipe } from "../core/wrapper.ts";
import { maxSteps } from "../plugins/wrappers/max_steps.ts";
import { record } from "../plugins/wrappers/record.ts";

const STEPS = Number(Deno.args[0] ?? 1_000_000);
const EPISODE = 1000;
const ROUNDS = 5;

class Trivial implements Env {
  readonly spec: EnvSpec = { id: "bench/trivial-v1", options: {}, wrappers: [] };
  readonly domain = "coding";
  readonly tools = [];
  reset(): TimeStep {
    return { observation: "go", reward: 0, terminated: false, truncated: false, info: {} };
  }
  step(_: Action): TimeStep {
    return { observation: "ok", reward: 0, terminated: false, truncated: false, info: {} };
  }
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

const action: Action = { tool: "noop", params: { path: "a.txt" } };

/** Steps a second; the last step of an episode, which makes the trajectory, is left out unless `whole`. */
async function measure(whole: boolean): Promise<number> {
  let made = 0;
  const sink = (): void => void made++;
  const stack = pipe(new Trivial(), maxSteps({ steps: EPISODE }), record({ agent: "bench", sink }));
  const episodes = Math.ceil(STEPS / EPISODE);
  const length = whole ? EPISODE : EPISODE - 1;
  let spent = 0;
  for (let episode = 0; episode < episodes; episode++) {
    const start = performance.now();
    await stack.reset();
    for (let at = 0; at < length; at++) {
      const came = stack.step(action);
      if (came instanceof Promise) await came;
    }
    spent += performance.now() - start;
    if (!whole) await stack.step(action);
  }
  if (made !== episodes) {
    throw new Error(`Cannot trust the figure: wanted ${episodes} trajectories: received ${made}`);
  }
  return episodes * length / spent * 1000;
}

async function best(whole: boolean): Promise<number> {
  let most = 0;
  for (let round = 0; round < ROUNDS; round++) most = Math.max(most, await measure(whole));
  return most;
}

function peer(): { steps: number; whole: number; versions: string } | string {
  const here = fileURLToPath(new URL(".", import.meta.url));
  const python = `${here}.venv/bin/python`;
  try {
    Deno.statSync(python);
  } catch {
    return "skipped: no bench/.venv, make it with bench/setup_peer.sh";
  }
  const { success, stdout, stderr } = new Deno.Command(python, {
    args: [`${here}peer_wrappers.py`, String(STEPS), String(EPISODE), String(ROUNDS)],
  }).outputSync();
  if (!success) return `failed: ${new TextDecoder().decode(stderr).trim().split("\n").at(-1)}`;
  return JSON.parse(new TextDecoder().decode(stdout));
}

const round = (rate: number): string => Math.round(rate).toLocaleString("en-US");

console.log(`machine   ${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores, ${Deno.build.os}`);
console.log(`versions  Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`);
console.log(`command   deno run -A bench/wrappers.ts ${STEPS}   (episodes of ${EPISODE}, best of ${ROUNDS})`);
const ours = { steps: await best(false), whole: await best(true) };
console.log(`ours      ${round(ours.steps)} steps/s, with trajectories ${round(ours.whole)}`);
const theirs = peer();
if (typeof theirs === "string") console.log(`knowlyr   ${theirs}`);
else {
  console.log(
    `knowlyr   ${round(theirs.steps)} steps/s, with trajectories ${round(theirs.whole)} (${theirs.versions})`,
  );
}
