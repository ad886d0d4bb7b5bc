/** `instruction` with `steps`, `response` or `output`: Alpaca, and the flat columns of Knowlyr. */
import type { ChatMessage } from "../../../chat/mod.ts";
import type { Field } from "./field.ts";
import type { ConversationRow } from "./row.ts";
import { episodeOfSteps, episodeOfText } from "./steps.ts";
import { conversationOf, systemOf, type Turn } from "./turn.ts";

/** Steps win over a text of them: they have rewards. */
export function instructionOf(row: Field, position: number): ConversationRow {
  const asked = [
    ...systemOf(row),
    ...historyOf(row),
    turn({ role: "user", content: questionOf(row) }),
  ];
  const steps = row.has("steps") ? row.at("steps").items() : [];
  const answer = steps.length > 0 ? "" : row.first("response", "output").text();
  const told = steps.length > 0 ? episodeOfSteps(steps) : episodeOfText(answer);
  if (told === null) {
    return conversationOf(row, position, [...asked, turn({ role: "assistant", content: answer })]);
  }
  const earlier = asked.filter(({ message }) => message.role === "assistant").map(() => null);
  return conversationOf(row, position, [...asked, ...told.messages.map(turn)], [...earlier, ...told.rewards]);
}

/** Instruction and input as one message. */
export function questionOf(row: Field): string {
  const input = row.at("input").textOrEmpty();
  const instruction = row.at("instruction").text();
  return input === "" ? instruction : `${instruction}\n\n${input}`;
}

/** Earlier questions and answers as pairs. */
function historyOf(row: Field): Turn[] {
  if (!row.has("history")) return [];
  return row.at("history").items().flatMap((pair) => {
    const [question, answer, ...more] = pair.items();
    if (question === undefined || answer === undefined || more.length > 0) {
      return pair.refuse("a question and an answer");
    }
    return [
      turn({ role: "user", content: question.text() }),
      turn({ role: "assistant", content: answer.text() }),
    ];
  });
}

function turn(message: ChatMessage): Turn {
  return { message, weight: null };
}
