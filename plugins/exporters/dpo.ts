/**
 * Preference pairs as conversations, with the prompt apart: what TRL's preference trainers prefer.
 *
 * The prompt goes on through every turn that both episodes share, so chosen and rejected begin where they part.
 *
 * @module
 */
import { z } from "zod";
import { type Exporter, exporter, type ExportRow } from "../../core/exporter.ts";
import type { Contribution } from "../../core/kind.ts";
import type { ChatMessage } from "../chat/mod.ts";
import { type Pair, pairFields, type PairOptions, pairsOf } from "./_pairs.ts";
import {
  type Episode,
  episodeKey,
  episodeOf,
  messageColumn,
  renderFields,
  type RenderOptions,
  toolsColumn,
} from "./_render.ts";
import { perTask, reasonNotToCompare } from "./_rows.ts";

/** Options of {@linkcode dpoExporter}. */
export interface DpoOptions extends PairOptions, RenderOptions {}

const options = z.strictObject({ ...pairFields, ...renderFields });

type Scored = Episode & { readonly reward: number };

/**
 * Columns: `prompt`, `chosen`, `rejected` (messages), `tools`, `task_id`, `chosen_id`, `rejected_id`, `chosen_reward`,
 * `rejected_reward`, `margin`, `divergence_turn` (turns that both share), `rationale`.
 *
 * Episodes are compared inside a task: same task id, prompt and tools. Holds the messages of all episodes until the
 * input ends. Ids of calls are numbered by position.
 */
export const dpoExporter: Contribution<Exporter, DpoOptions> = exporter("knowlyr/dpo-v1", {
  description: "Preference pairs of one task as prompt, chosen and rejected messages, for TRL",
  options,
  create: (parsed) =>
    perTask<Scored>("dpo", {
      keep: (trajectory) => {
        // Sound: an episode without a reward is refused.
        return reasonNotToCompare(trajectory) ?? episodeOf(trajectory) as Scored;
      },
      key: episodeKey,
      *rows(group, skip) {
        for (const pair of pairsOf(group, parsed, ({ completion }) => JSON.stringify(completion), skip)) {
          yield dpoRow(pair, parsed);
        }
      },
    }),
});

function dpoRow({ chosen, rejected, margin }: Pair<Scored>, parsed: z.output<typeof options>): ExportRow {
  const parting = partingOf(chosen.completion, rejected.completion);
  const shared = chosen.completion.slice(0, parting);
  const column = (messages: readonly ChatMessage[]) =>
    messages.map((message) => messageColumn(message, parsed.argumentsAs));
  return {
    prompt: column([...chosen.prompt, ...shared]),
    chosen: column(chosen.completion.slice(parting)),
    rejected: column(rejected.completion.slice(parting)),
    tools: toolsColumn(chosen.tools, parsed.toolsAs),
    task_id: chosen.taskId,
    chosen_id: chosen.id,
    rejected_id: rejected.id,
    chosen_reward: chosen.reward,
    rejected_reward: rejected.reward,
    margin,
    divergence_turn: shared.filter(({ role }) => role === "assistant").length,
    rationale: rationaleOf(chosen, rejected, margin),
  };
}

/**
 * Where the assistant message begins from which two completions differ. When what differs is an observation, or one
 * completion ends, that is the message before, so that neither side is empty and both begin with an assistant.
 */
function partingOf(a: readonly ChatMessage[], b: readonly ChatMessage[]): number {
  let parting = 0;
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    if (a[at]!.role === "assistant" && b[at]!.role === "assistant") parting = at;
    if (JSON.stringify(a[at]) !== JSON.stringify(b[at])) break;
  }
  return parting;
}

function rationaleOf(chosen: Scored, rejected: Scored, margin: number): string {
  const fewer = rejected.steps - chosen.steps;
  return [
    `reward ${chosen.reward.toFixed(3)} over ${rejected.reward.toFixed(3)}, margin ${margin.toFixed(3)}`,
    fewer === 0
      ? ""
      : `${Math.abs(fewer)} ${fewer > 0 ? "fewer" : "more"} ${Math.abs(fewer) === 1 ? "step" : "steps"}`,
    chosen.success === true && rejected.success === false ? "success over failure" : "",
  ].filter((part) => part !== "").join("; ");
}
