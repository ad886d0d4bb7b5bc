/**
 * Models behind Anthropic's messages.
 *
 * @module
 */
import { z } from "zod";
import type { Contribution } from "../../../core/kind.ts";
import { type Policy, policy } from "../../../core/policy.ts";
import { type ChatClientOptions, checkPrices, clientFields, keyOf, PRICES_WANTED } from "./_options.ts";

const options = z.strictObject({
  ...clientFields,
  topK: z.int().min(1).optional().describe("Keeps the k most probable tokens"),
}).refine(checkPrices, { message: PRICES_WANTED });

/** Options of {@linkcode anthropicPolicy}. */
export interface AnthropicOptions extends ChatClientOptions {
  /** Keeps the k most probable tokens. */
  readonly topK?: number | undefined;
}

/** The same with defaults filled in. */
export type AnthropicSettings = z.output<typeof options>;

/**
 * Acts with a model behind Anthropic's API, as {@linkcode openAiPolicy} does with OpenAI's. The key comes from
 * `ANTHROPIC_API_KEY`. Thinking is recorded when `body` asks for it, but not sent back in later turns. All calls of a turn are
 * carried out; `tool_choice: { type: "auto", disable_parallel_tool_use: true }` in `body` asks for one at a time.
 */
export const anthropicPolicy: Contribution<Policy, AnthropicOptions> = policy("knowlyr/anthropic-v1", {
  description: "A model behind Anthropic's API",
  options,
  create: async (settings) => {
    const key = keyOf(settings, "ANTHROPIC_API_KEY");
    const [{ createChatClient }, { anthropicService }] = await Promise.all([
      import("./_policy.ts"),
      import("./_anthropic.ts"),
    ]);
    return await createChatClient(anthropicService, settings, key);
  },
});
