/**
 * Options that all policies on local models share: what they are told and how they draw.
 *
 * @module
 */
import { z } from "zod";

const count = z.int().min(1);

/** Schemas of {@linkcode LocalActingOptions}. */
export const actingFields = {
  system: z.string().optional().describe("System prompt"),
  tools: z.boolean().default(true).describe("Put the definitions of tools into the prompt"),
  temperature: z.number().min(0).default(1).describe("0 takes the most probable token"),
  topK: z.int().min(0).default(0).describe("Keeps the k most probable tokens; 0 keeps all"),
  topP: z.number().gt(0).max(1).default(1).describe("Keeps the most probable tokens that hold this share"),
  minP: z.number().min(0).max(1).default(0).describe(
    "Keeps tokens at least this share as probable as the best",
  ),
  repetitionPenalty: z.number().positive().default(1).describe("Above 1 makes repeats less likely"),
  maxNewTokens: count.default(512).describe("Most tokens of one turn"),
  stop: z.array(z.string().min(1)).default([]).describe("Texts that end a turn"),
  maxLength: count.optional().describe(
    "Longest prompt and answer in tokens; the model's context when left out",
  ),
} as const;

/** What a policy on a local model is told and how it draws. */
export interface LocalActingOptions {
  /** System prompt. */
  readonly system?: string | undefined;
  /** Put the definitions of tools into the prompt. @default true */
  readonly tools?: boolean | undefined;
  /** 0 takes the most probable token. @default 1 */
  readonly temperature?: number | undefined;
  /** Keeps the k most probable tokens; 0 keeps all. @default 0 */
  readonly topK?: number | undefined;
  /** Keeps the most probable tokens that hold this share. @default 1 */
  readonly topP?: number | undefined;
  /** Keeps tokens at least this share as probable as the best. @default 0 */
  readonly minP?: number | undefined;
  /** Above 1 makes repeats less likely. @default 1 */
  readonly repetitionPenalty?: number | undefined;
  /** Most tokens of one turn. @default 512 */
  readonly maxNewTokens?: number | undefined;
  /** Texts that end a turn. @default [] */
  readonly stop?: string[] | undefined;
  /** Longest prompt and answer in tokens; the model's context when left out. */
  readonly maxLength?: number | undefined;
}
