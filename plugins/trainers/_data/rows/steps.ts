/** Rows that tell an episode as steps with thought, action, observation and reward, or as text of such steps. */
import type { ChatMessage } from "../../../chat/mod.ts";
import { callId } from "../../../chat/mod.ts";
import type { Json } from "../../../../core/schema.ts";
import type { Field } from "./field.ts";
import { objectOf } from "./tools.ts";

/** One step as a row tells it. */
interface ToldStep {
  readonly thought: string;
  /** Text of the action; empty when there was none. */
  readonly action: string;
  readonly observation: string;
  readonly reward: number | null;
}

/** Messages of the steps, and the reward of each assistant message among them. */
export interface ToldEpisode {
  /** Assistant messages and what answered them. */
  readonly messages: readonly ChatMessage[];
  /** Reward of each assistant message. */
  readonly rewards: readonly (number | null)[];
}

/** Steps as objects. Reads `thought`, `action` (text or tool and parameters), `observation`, `reward` and their kin. */
export function episodeOfSteps(steps: readonly Field[]): ToldEpisode {
  return episodeOf(steps.map((step) => {
    step.object();
    return {
      thought: step.at("thought").textOrEmpty(),
      action: actionOf(step),
      observation: (step.has("result") ? step.at("result").at("output") : step.first("observation", "output"))
        .textOrEmpty(),
      reward: step.at("reward").numberOrNull(),
    };
  }));
}

function actionOf(step: Field): string {
  const action = step.at("action");
  if (typeof action.value === "string") return action.value;
  const holder = action.absent ? step : action;
  const tool = holder.at("tool").textOrEmpty();
  const params = holder.first("params", "parameters", "arguments");
  return tool === "" ? "" : `${tool}(${params.absent ? "{}" : JSON.stringify(params.object())})`;
}

/**
 * Steps in a text of blocks `Step 1:`, `Step 2:`, … with lines `Thought:`, `Action:` and `Observation:`; null for any
 * other text. A block begins only where its number is the next one, so that an observation that quotes other steps
 * stays whole unless it quotes the very next.
 */
export function episodeOfText(text: string): ToldEpisode | null {
  const blocks: string[] = [];
  let start = 0;
  for (const match of text.matchAll(/^Step (\d+):[ \t]*$\n?/gm)) {
    if (Number(match[1]) !== blocks.length + 1) continue;
    if (blocks.length === 0 && match.index !== 0) return null;
    if (blocks.length > 0) blocks[blocks.length - 1] = text.slice(start, match.index).trimEnd();
    start = match.index + match[0].length;
    blocks.push(text.slice(start));
  }
  return blocks.length === 0 ? null : episodeOf(blocks.map(stepOfBlock));
}

function stepOfBlock(block: string): ToldStep {
  const [, thought = "", action = "", observation = ""] =
    /^(?:Thought: ([\s\S]*?)(?=\nAction: |\nObservation: |$))?\n?(?:Action: ([\s\S]*?)(?=\nObservation: |$))?\n?(?:Observation: ([\s\S]*))?$/
      .exec(block) ?? [];
  return { thought, action, observation, reward: null };
}

/**
 * Calls of tools when every action reads as one, so that the model learns the form it is asked for when it acts;
 * else `Thought:` and `Action:` as text, answered by `Observation:` from the user.
 */
function episodeOf(steps: readonly ToldStep[]): ToldEpisode {
  const calls = steps.map(({ action }) => action === "" ? null : callIn(action));
  const asCalls = steps.every(({ action }, at) => action === "" || calls[at] !== null);
  const messages: ChatMessage[] = [];
  const rewards: (number | null)[] = [];
  for (const [at, step] of steps.entries()) {
    const silent = step.thought === "" && step.action === "";
    if (!silent) {
      messages.push(asCalls ? acting(step, calls[at] ?? null, at) : telling(step));
      rewards.push(step.reward);
    }
    if (step.observation === "") continue;
    messages.push(
      asCalls && calls[at] ? replying(step, calls[at]!.name, at) : {
        role: "user",
        content: asCalls ? step.observation : `Observation: ${step.observation}`,
      },
    );
  }
  return { messages, rewards };
}

function acting({ thought }: ToldStep, call: Call | null, at: number): ChatMessage {
  if (call === null) return { role: "assistant", content: thought };
  return {
    role: "assistant",
    content: thought,
    tool_calls: [{ id: callId(at), type: "function", function: call }],
  };
}

function replying({ observation }: ToldStep, name: string, at: number): ChatMessage {
  return { role: "tool", content: observation, name, tool_call_id: callId(at) };
}

function telling({ thought, action }: ToldStep): ChatMessage {
  const lines = [thought && `Thought: ${thought}`, action && `Action: ${action}`];
  return { role: "assistant", content: lines.filter((line) => line !== "").join("\n") };
}

interface Call {
  readonly name: string;
  readonly arguments: { readonly [key: string]: Json };
}

/** `tool({"parameter": …})`, or the tool alone. */
function callIn(action: string): Call | null {
  const [, name, inside] = /^([A-Za-z_][\w./:-]*)(?:\(([\s\S]*)\))?$/.exec(action.trim()) ?? [];
  if (name === undefined) return null;
  if (inside === undefined || inside.trim() === "") return { name, arguments: {} };
  const given = objectOf(inside);
  return given === null ? null : { name, arguments: given };
}
