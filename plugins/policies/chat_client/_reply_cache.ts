/**
 * Replies on disk, by the SHA-256 of what was asked: a folder of JSON files that people can read and delete.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import type { Json } from "../../../core/schema.ts";
import { canonicalJson } from "../../../core/trajectory_id.ts";
import { writeAtomic } from "../../files/mod.ts";
import type { Reply } from "./_service.ts";

/** What decides a reply. */
export type Asked = { readonly [key: string]: Json };

const count = z.int().min(0).nullable();

const reply = z.object({
  content: z.string(),
  reasoning: z.string(),
  calls: z.array(z.object({ name: z.string(), arguments: z.string(), id: z.string() })),
  finish: z.enum(["stop", "length", "refused"]),
  promptTokens: count,
  completionTokens: count,
  logProbs: z.object({ tokens: z.array(z.string()), values: z.array(z.number()) }).nullable(),
});

/** Where the reply to a request lies. */
export function cacheFile(folder: string, asked: Asked): string {
  return join(folder, `${createHash("sha256").update(canonicalJson(asked)).digest("hex")}.json`);
}

/** A reply that was kept; null when there is none, or the file is not one. */
export async function readReply(folder: string, asked: Asked): Promise<Reply | null> {
  let text: string;
  try {
    text = await Deno.readTextFile(cacheFile(folder, asked));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return null;
    throw thrown;
  }
  try {
    return reply.parse(JSON.parse(text).reply);
  } catch {
    return null; // half a file of another program: asked again and overwritten
  }
}

/** Keeps a reply beside what was asked. @throws {GymError} `FILE_ACCESS` or `PERMISSION`. */
export async function keepReply(folder: string, asked: Asked, kept: Reply): Promise<void> {
  await writeAtomic(cacheFile(folder, asked), `${JSON.stringify({ asked, reply: kept }, null, 2)}\n`);
}
