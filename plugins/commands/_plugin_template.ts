/**
 * Files of a new plugin: a domain, an environment and a rubric that pass the conformance kits, and a test that says so.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };

/** The files of a plugin named `namespace/name`, by name. */
export function templateFiles(plugin: string): Readonly<Record<string, string>> {
  const [namespace, name] = plugin.split("/") as [string, string];
  const library = `jsr:${config.name}@^${config.version.replace(/\.\d+$/, "")}`;
  const fill = (text: string): string =>
    text.replaceAll("NAMESPACE", namespace).replaceAll("NAME", name).replaceAll("LIBRARY", library);
  return { "deno.json": denoJson(plugin), "mod.ts": fill(MODULE), "mod_test.ts": fill(TEST) };
}

/** From a checkout, the new plugin is linked to it, so that it runs before anything is fetched. */
function denoJson(plugin: string): string {
  const checkout = import.meta.url.startsWith("file:")
    ? { links: [fileURLToPath(new URL("../../", import.meta.url))] }
    : {};
  const json = {
    name: `@${plugin.replaceAll("_", "-")}`,
    version: "0.1.0",
    license: "MIT",
    exports: "./mod.ts",
    publish: { exclude: ["**/*_test.ts"] },
    ...checkout,
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

const MODULE = `/**
 * A number to be guessed: a domain, an environment and a rubric.
 *
 * Imports name their versions, so that the plugin loads from any program.
 *
 * @module
 */
import {
  type Action,
  below,
  type Contribution,
  createDomain,
  definePlugin,
  type Domain,
  domain,
  type Env,
  env,
  type EnvSpec,
  GymError,
  noOptions,
  type Plugin,
  type ResetOptions,
  type Rubric,
  rubric,
  type Scorer,
  seeded,
  type StepOptions,
  type TimeStep,
  type ToolDefinition,
} from "LIBRARY";
import { z } from "npm:zod@^4";

/** What the tools mean. */
export const guessing: Contribution<Domain, Record<string, never>> = domain("NAMESPACE/NAME-v1", {
  description: "Guessing a number from hints",
  options: noOptions,
  create: () =>
    createDomain({
      name: "NAME",
      title: "Guessing",
      description: "Guessing a number from hints",
      tools: [{ name: "guess", category: "execute", key: ["number"] }],
      outcome: ["success"],
      taskFields: {},
      rubricWeights: { fresh_guess: 1 },
    }),
});

/** Options of {@linkcode guessEnv}. */
export interface GuessOptions {
  /** Largest number. @default 10 */
  readonly most?: number | undefined;
}

const params = z.strictObject({ number: z.number().int().describe("The number") });

const TOOLS: readonly ToolDefinition[] = [{
  name: "guess",
  description: "Guesses the number",
  parameters: z.toJSONSchema(params) as ToolDefinition["parameters"],
}];

class GuessEnv implements Env {
  readonly spec: EnvSpec;
  readonly domain = "NAME";
  readonly tools = TOOLS;
  readonly #most: number;
  #secret = 0;
  #state: "new" | "running" | "over" | "disposed" = "new";

  constructor(most: number) {
    this.#most = most;
    this.spec = { id: "NAMESPACE/guess-v1", options: { most }, wrappers: [] };
  }

  reset({ seed = 0n, task }: ResetOptions = {}): TimeStep {
    if (this.#state === "disposed") throw new GymError("ENV_STATE", "Cannot reset environment: it is disposed");
    this.#secret = 1 + below(seeded(seed), this.#most);
    this.#state = "running";
    const description = \`Guess a number from 1 to \${this.#most}\`;
    return timeStep(description, { info: { task: task ?? { id: \`guess-\${seed}\`, description } } });
  }

  step(action: Action, { signal }: StepOptions = {}): TimeStep {
    signal?.throwIfAborted();
    if (this.#state !== "running") {
      throw new GymError("ENV_STATE", \`Cannot step environment: wanted a running episode: received \${this.#state}\`);
    }
    const parsed = params.safeParse(action.params);
    if (action.tool !== "guess" || !parsed.success) {
      return timeStep('Wanted a call of guess with { "number": … }', { info: { invalid: true } });
    }
    const { number } = parsed.data;
    if (number !== this.#secret) return timeStep(number < this.#secret ? "Higher" : "Lower");
    this.#state = "over";
    return timeStep("Right", { reward: 1, terminated: true, info: { success: true, reason: "guessed" } });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#state = "disposed";
    return Promise.resolve();
  }
}

function timeStep(observation: string, rest: Partial<TimeStep> = {}): TimeStep {
  return { observation, reward: 0, terminated: false, truncated: false, info: {}, ...rest };
}

/** A number to be guessed: each wrong guess says higher or lower, the right one terminates. */
export const guessEnv: Contribution<Env, GuessOptions> = env("NAMESPACE/guess-v1", {
  description: "A number to be guessed",
  options: z.strictObject({ most: z.number().int().min(2).default(10).describe("Largest number") }),
  create: ({ most }) => new GuessEnv(most),
});

/** Scores 1 for a number that was not guessed before. */
function startFreshGuess(): Scorer {
  const seen = new Map<string, number>();
  return {
    step({ index, action }) {
      const number = JSON.stringify(action.params["number"] ?? null);
      const earlier = seen.get(number);
      if (earlier !== undefined) return { value: 0, reason: \`\${number} was guessed before\`, refersTo: earlier };
      seen.set(number, index);
      return { value: 1, reason: \`\${number} is a new guess\`, refersTo: null };
    },
  };
}

/** Whether each guess is a new one. */
export const freshGuess: Contribution<Rubric, Record<string, never>> = rubric("NAMESPACE/fresh-guess-v1", {
  description: "Whether each guess is a new one",
  options: noOptions,
  create: () => ({
    id: "NAMESPACE/fresh-guess-v1",
    name: "fresh_guess",
    description: "Whether each guess is a new one",
    source: "rule",
    start: startFreshGuess,
  }),
});

const plugin: Plugin = definePlugin({
  name: "NAMESPACE/NAME",
  version: "0.1.0",
  provides: [guessing, guessEnv, freshGuess],
});

export default plugin;
`;

const TEST = `import { createKernel, env, rubric } from "LIBRARY";
import { assertConforms, checkEnv, checkPlugin, checkRubric } from "LIBRARY/testing";
import plugin from "./mod.ts";

const kernel = createKernel({ plugins: [plugin] });

Deno.test("the plugin keeps its contract", async () => {
  assertConforms(await checkPlugin(plugin));
});

Deno.test("the environment keeps its contract", async () => {
  assertConforms(await checkEnv(() => kernel.make(env, "NAMESPACE/guess-v1")));
});

Deno.test("the rubric keeps its contract", async () => {
  assertConforms(await checkRubric(await kernel.make(rubric, "NAMESPACE/fresh-guess-v1")));
});
`;
