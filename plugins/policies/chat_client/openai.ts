/**
 * Models behind OpenAI's chat completions: OpenAI itself, and vLLM, SGLang, llama.cpp, Ollama, OpenRouter and others
 * through `baseUrl`.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../../core/kind.ts";
import { type Policy, policy } from "../../../core/policy.ts";
import { type ChatClientOptions, checkPrices, clientFields, keyOf, PRICES_WANTED } from "./_options.ts";

const options = z.strictObject({
  ...clientFields,
  logProbs: z.boolean().default(false).describe("Ask for log-probabilities and record them"),
  seed: z.boolean().default(false).describe("Send a seed that follows from the episode's"),
}).refine(checkPrices, { message: PRICES_WANTED });

/** Options of {@linkcode openAiPolicy}. */
export interface OpenAiOptions extends ChatClientOptions {
  /** Ask for log-probabilities and record them. @default false */
  readonly logProbs?: boolean | undefined;
  /** Send a seed that follows from the episode's. @default false */
  readonly seed?: boolean | undefined;
}

/** The same with defaults filled in. */
export type OpenAiSettings = z.output<typeof options>;

/**
 * Acts with a model behind an endpoint in OpenAI's form. The `openai` package is downloaded when it is first used.
 *
 * All calls that the model makes in a turn are carried out; `parallel_tool_calls: false` in `body` asks it for one at a time.
 *
 * The key comes from the variable that `apiKeyEnv` names, `OPENAI_API_KEY` for OpenAI itself; it is in no record and no
 * message. All policies of a process with the same endpoint, key, model and limits share their concurrency, which adapts
 * to what the service bears, and their budget. Tokens are recorded as counts.
 */
export const openAiPolicy: Contribution<Policy, OpenAiOptions> = policy("knowlyr/openai-v1", {
  description: "A model behind an endpoint in OpenAI's form",
  options,
  create: async (settings) => {
    const key = keyOf(settings, "OPENAI_API_KEY");
    const [{ createChatClient }, { openAiService }] = await Promise.all([
      import("./_policy.ts"),
      import("./_openai.ts"),
    ]);
    return await createChatClient(openAiService, settings, key);
  },
});
