/** A prompt and what follows it: `prompt` and `completion`, and the two answers of a preference pair. */
import { Field } from "./field.ts";
import { questionOf } from "./instruction.ts";
import { turnsOf } from "./messages.ts";
import type { PlainRow, PlainSegment, PreferenceRow, ReadRowOptions, Row, RowPosition } from "./row.ts";
import { toolsOf } from "./tools.ts";
import { conversationOf, headOf, systemOf, type Turn } from "./turn.ts";

/** A row of plain text. */
export function plainOf(row: Field, position: number, segments: readonly PlainSegment[]): PlainRow {
  return { kind: "plain", ...headOf(row, position), segments };
}

/** A prompt and what follows it, each a text, a message or a list of messages; only what follows is trained. */
export function continuationOf(
  row: Field,
  position: number,
  [prompt, answer]: readonly [Field, Field],
  { strings = "plain" }: ReadRowOptions,
): Row {
  if (typeof prompt.value === "string" && typeof answer.value === "string" && strings === "plain") {
    return plainOf(row, position, [
      { text: prompt.value, train: false },
      { text: answer.value, train: true },
    ]);
  }
  // Read together, so that a tool message finds the call it answers even across the border.
  const before = messagesIn(prompt, "user");
  const turns = turnsOf([...before, ...messagesIn(answer, "assistant")], toolsOf(row));
  return conversationOf(row, position, [...systemOf(row), ...untrained(turns, before.length)]);
}

/**
 * Reads a pair: `prompt`, `messages`, `conversations` or `instruction`, then `chosen` and `rejected`, each a text, a
 * message or a list of messages. Without a prompt, two lists share their equal beginning up to an assistant message.
 *
 * @throws {GymError} `INVALID_DATA` naming file, line and field, what was wanted and what came.
 */
export function readPreferenceRow(
  value: unknown,
  { file, line, row: position }: RowPosition,
  options: ReadRowOptions = {},
): PreferenceRow {
  const row = new Field(value, { file, line });
  row.object();
  for (const side of ["chosen", "rejected"]) if (!row.has(side)) row.at(side).refuse("an answer");
  const prompt = promptOf(row);
  const shared = prompt === null ? sharedTurns(row) : 0;
  const read = (side: string): Row => ({
    ...prompt === null
      ? conversationOf(row, position, untrained(turnsOf(row.at(side).someItems(), toolsOf(row)), shared))
      : continuationOf(row, position, [prompt, row.at(side)], options),
    reward: row.at(`${side}_reward`).numberOrNull(),
  });
  const [chosen, rejected] = [read("chosen"), read("rejected")];
  return { chosen, rejected, margin: marginOf(row, chosen, rejected), reference: referenceOf(row) };
}

/** Columns as TRL has them once it computed them. */
function referenceOf(row: Field): readonly [number, number] | null {
  const [chosen = null, rejected = null] = ["ref_chosen_logps", "ref_rejected_logps"].map((name) =>
    row.at(name).numberOrNull()
  );
  return chosen === null || rejected === null ? null : [chosen, rejected];
}

function marginOf(row: Field, chosen: Row, rejected: Row): number | null {
  const told = row.first("margin", "reward_margin").numberOrNull();
  if (told !== null || chosen.reward === null || rejected.reward === null) return told;
  return chosen.reward - rejected.reward;
}

/** Prompt of a pair; null when it is the beginning of both answers. */
function promptOf(row: Field): Field | null {
  const column = row.first("prompt", "messages", "conversations");
  if (!column.absent) return column;
  if (row.has("instruction")) return new Field(questionOf(row), row.place, "instruction");
  const lists = Array.isArray(row.at("chosen").value) && Array.isArray(row.at("rejected").value);
  return lists ? null : row.at("prompt").refuse("a prompt");
}

function sharedTurns(row: Field): number {
  const [a = [], b = []] = ["chosen", "rejected"].map((side) =>
    turnsOf(row.at(side).someItems(), toolsOf(row))
  );
  let shared = 0;
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    if (a[at]!.message.role === "assistant") shared = at;
    if (JSON.stringify(a[at]!.message) !== JSON.stringify(b[at]!.message)) break;
  }
  return shared;
}

/** What the row says of the first messages is kept, but silence is not training. */
function untrained(turns: readonly Turn[], count: number): Turn[] {
  return turns.map((turn, at) => at < count ? { ...turn, weight: turn.weight ?? 0 } : turn);
}

function messagesIn(field: Field, role: "user" | "assistant"): readonly Field[] {
  if (Array.isArray(field.value)) return field.someItems();
  return [
    typeof field.value === "string"
      ? new Field({ role, content: field.value }, field.place, field.path)
      : field,
  ];
}
