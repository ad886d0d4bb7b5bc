/** Messages with what rows say about training them, and a conversation made of them. */
import type { ChatMessage } from "../../../chat/mod.ts";
import type { Field } from "./field.ts";
import type { ConversationRow } from "./row.ts";
import { toolsOf } from "./tools.ts";

/** A message and its loss weight. */
export interface Turn {
  /** The message. */
  readonly message: ChatMessage;
  /** What the row says: 0 is not trained. Null when it says nothing. */
  readonly weight: number | null;
}

/** The weight a message has by its `train` (axolotl: also `training`) and `weight`. */
export function weightOfMessage(item: Field): number | null {
  const train = item.first("train", "training");
  const weight = item.at("weight");
  if (train.absent && weight.absent) return null;
  const amount = weight.absent ? 1 : weight.number();
  if (amount < 0) return weight.refuse("a weight of at least 0");
  return !train.absent && !train.boolean() ? 0 : amount;
}

/** The conversation of a row. @throws {GymError} `INVALID_DATA` for step rewards that do not fit the steps. */
export function conversationOf(
  row: Field,
  position: number,
  turns: readonly Turn[],
  stepRewards?: readonly (number | null)[],
): ConversationRow {
  const messages = turns.map((turn) => turn.message);
  const stepOf = stepsOf(messages);
  return {
    kind: "conversation",
    ...headOf(row, position),
    messages,
    tools: toolsOf(row),
    weights: turns.map(({ message, weight }) => weight ?? (message.role === "assistant" ? 1 : 0)),
    weighted: turns.some(({ weight }) => weight !== null && weight > 0 && weight !== 1),
    stepOf,
    stepRewards: stepRewards ?? rewardsOf(row, messages),
  };
}

/** What every row has. */
export function headOf(
  row: Field,
  position: number,
): Pick<ConversationRow, "row" | "origin" | "group" | "reward"> {
  const { file, line } = row.place;
  const origin = `${file}:${line}`;
  const task = row.first("task_id", "group");
  return {
    row: position,
    origin,
    group: task.absent || task.value === ""
      ? origin
      : typeof task.value === "number"
      ? `${task.value}`
      : task.text(),
    reward: row.at("reward").numberOrNull(),
  };
}

function stepsOf(messages: readonly ChatMessage[]): number[] {
  let step = -1;
  return messages.map(({ role }) => role === "assistant" ? ++step : step);
}

/** The column `step_rewards`: one a step, or one a call, of which a message takes the mean. */
function rewardsOf(row: Field, messages: readonly ChatMessage[]): (number | null)[] {
  const calls = messages.filter(({ role }) => role === "assistant")
    .map((message) => Math.max(1, message.tool_calls?.length ?? 0));
  const column = row.at("step_rewards");
  if (column.absent) return calls.map(() => null);
  const rewards = column.items().map((item) => item.numberOrNull());
  if (rewards.length === calls.length) return rewards;
  if (rewards.length !== calls.reduce((sum, count) => sum + count, 0)) {
    column.refuse(`${calls.length} rewards, one a step`);
  }
  let at = 0;
  return calls.map((count) => meanOf(rewards.slice(at, at += count)));
}

function meanOf(rewards: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const reward of rewards) {
    if (reward === null) return null;
    sum += reward;
  }
  return sum / rewards.length;
}

/** The column `system` as a turn of its own. */
export function systemOf(row: Field): Turn[] {
  const content = row.at("system").textOrEmpty();
  return content === "" ? [] : [{ message: { role: "system", content }, weight: null }];
}
