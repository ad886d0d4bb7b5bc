/** An environment that even a model of random weights sometimes succeeds in: two replies, each right by its first character. */
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { env } from "../../core/env.ts";
import type { Env, ResetOptions, TimeStep } from "../../core/env.ts";
import { below, seeded } from "../../core/prng.ts";
import { type Rubric, rubric } from "../../core/rubric.ts";
import { noOptions } from "../../core/schema.ts";
import type { Action } from "../../core/trajectory.ts";

const TURNS = 2;

/** A reply is right when its first character has an even code. */
class ParityEnv implements Env {
  readonly spec = { id: "tests/parity-v1", options: {}, wrappers: [] };
  readonly domain = "generic";
  readonly tools = [];
  #turn = 0;
  #right = 0;
  #asked = "";

  reset({ seed = 0n }: ResetOptions = {}): TimeStep {
    this.#turn = 0;
    this.#right = 0;
    this.#asked = String.fromCharCode(97 + below(seeded(seed), 8));
    const task = { id: `ask ${this.#asked}`, description: "Reply" };
    return { observation: this.#asked, reward: 0, terminated: false, truncated: false, info: { task } };
  }

  step({ raw = "" }: Action): TimeStep {
    const right = raw !== "" && raw.charCodeAt(0) % 2 === 0;
    this.#turn++;
    if (right) this.#right++;
    const terminated = this.#turn === TURNS;
    return {
      observation: this.#asked,
      reward: right ? 1 / TURNS : 0,
      terminated,
      truncated: false,
      info: terminated ? { success: this.#right === TURNS } : {},
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Likes replies of several characters. */
const wide: Rubric = {
  id: "tests/wide-v1",
  name: "wide",
  description: "Whether the reply has more than one character",
  source: "rule",
  start: () => ({
    step: ({ action }) => ({
      value: (action.raw ?? "").length > 1 ? 1 : 0,
      reason: "by its length",
      refersTo: null,
    }),
  }),
};

/** Likes what the environment does not. */
const odd: Rubric = {
  id: "tests/odd-v1",
  name: "odd",
  description: "Whether the reply begins with a character of an odd code",
  source: "rule",
  start: () => ({
    step: ({ action }) => ({
      value: (action.raw ?? "").charCodeAt(0) % 2 === 1 ? 1 : 0,
      reason: "by its first character",
      refersTo: null,
    }),
  }),
};

/** Fails in every step. */
class BrokenEnv extends ParityEnv {
  override step(): TimeStep {
    throw new Error("out of order");
  }
}

/** Fails when it asks for "a". */
class ShakyEnv extends ParityEnv {
  #asked = "";

  override reset(options: ResetOptions = {}): TimeStep {
    const first = super.reset(options);
    this.#asked = first.observation as string; // sound: written above
    return first;
  }

  override step(action: Action): TimeStep {
    if (this.#asked === "a") throw new Error("no answer to a");
    return super.step(action);
  }
}

const plugin: Plugin = definePlugin({
  name: "tests/parity",
  version: "0.1.0",
  provides: [
    env("tests/parity-v1", {
      description: "Even characters",
      options: noOptions,
      create: () => new ParityEnv(),
    }),
    env("tests/broken-v1", { description: "Fails", options: noOptions, create: () => new BrokenEnv() }),
    env("tests/shaky-v1", {
      description: "Fails at times",
      options: noOptions,
      create: () => new ShakyEnv(),
    }),
    rubric("tests/wide-v1", { description: "Wide replies", options: noOptions, create: () => wide }),
    rubric("tests/odd-v1", { description: "Odd replies", options: noOptions, create: () => odd }),
  ],
});

export default plugin;
