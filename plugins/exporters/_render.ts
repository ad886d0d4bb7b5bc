/** How messages and tools are written in rows, the same for every exporter of messages. */
import { z } from "zod";
import type { Json } from "../../core/schema.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { type ChatMessage, type ChatTool, messagesOf, withTextArguments } from "../chat/mod.ts";

/** Options that every exporter of messages takes. */
export interface RenderOptions {
  /**
   * Tools as JSON text, which loads everywhere, or as JSON, for `datasets` from 4.7 with its Json feature.
   *
   * @default "string"
   */
  readonly toolsAs?: "string" | "json" | undefined;
  /**
   * Arguments of calls as objects, which chat templates expect, or as JSON text, which keeps a column to one type.
   *
   * @default "object"
   */
  readonly argumentsAs?: "object" | "string" | undefined;
}

/** Fields of the schema of {@linkcode RenderOptions}. */
export const renderFields = {
  toolsAs: z.enum(["string", "json"]).default("string").describe("Tools as JSON text or as JSON"),
  argumentsAs: z.enum(["object", "string"]).default("object").describe(
    "Arguments of calls: object or JSON text",
  ),
};

/** Tools as a column. */
export function toolsColumn(tools: readonly ChatTool[] | null, as: "string" | "json"): Json {
  return tools === null || as === "json" ? tools : JSON.stringify(tools);
}

/** A message as part of a column. */
export function messageColumn(
  message: ChatMessage,
  as: "object" | "string",
): { readonly [key: string]: Json } {
  if (as === "object" || message.tool_calls === undefined) return message;
  return { ...message, tool_calls: message.tool_calls.map(withTextArguments) };
}

/** What grouped exporters keep of an episode: its conversation, cut in prompt and completion. */
export interface Episode {
  readonly id: string;
  readonly taskId: string;
  readonly domain: string;
  readonly reward: number | null;
  readonly success: boolean | null;
  readonly steps: number;
  readonly tools: readonly ChatTool[] | null;
  /** Messages before the first assistant message. */
  readonly prompt: readonly ChatMessage[];
  readonly completion: readonly ChatMessage[];
}

/** Renders an episode; calls are numbered by position, so that equal beginnings are equal messages. */
export function episodeOf(trajectory: Trajectory): Episode {
  const { messages, tools } = messagesOf(trajectory, { callIds: "position" });
  const start = messages.findIndex((message) => message.role === "assistant");
  const { id, task, domain, reward, outcome: { success }, steps } = trajectory;
  return {
    id,
    taskId: task.id,
    domain,
    reward,
    success,
    steps: steps.length,
    tools,
    prompt: start < 0 ? messages : messages.slice(0, start),
    completion: start < 0 ? [] : messages.slice(start),
  };
}

/**
 * Key of the episodes that may be compared: same task id, prompt and tools. An agent with another system prompt was
 * asked something else, and one id in two sources may name two tasks.
 */
export function episodeKey({ taskId, prompt, tools }: Episode): string {
  return JSON.stringify([taskId, prompt, tools]);
}
