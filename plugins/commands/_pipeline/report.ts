/**
 * Reports of evaluation harnesses: which instances were resolved.
 *
 * @module
 */
import { z } from "zod";
import { GymError } from "../../../core/errors.ts";
import { fileError } from "../../files/mod.ts";

const listsSchema = z.looseObject({
  resolved_ids: z.array(z.string()),
  unresolved_ids: z.array(z.string()).default([]),
});
const mapSchema = z.record(z.string(), z.union([z.boolean(), z.looseObject({ resolved: z.boolean() })]));

/**
 * Reads a report: SWE-bench's summary with `resolved_ids`, its report per instance `{id: {resolved}}`, or `{id: true}`.
 *
 * @throws {GymError} `FILE_ACCESS` or `INVALID_DATA`.
 */
export async function readReport(path: string, shown: string): Promise<ReadonlyMap<string, boolean>> {
  const text = await Deno.readTextFile(path).catch((thrown) => {
    throw fileError("read", shown, thrown);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new GymError("INVALID_DATA", `Cannot read report ${shown}: ${(thrown as Error).message}`, {
      file: shown,
    });
  }
  const lists = listsSchema.safeParse(value);
  if (lists.success) {
    return new Map([
      ...lists.data.unresolved_ids.map((id) => [id, false] as const),
      ...lists.data.resolved_ids.map((id) => [id, true] as const),
    ]);
  }
  const map = mapSchema.safeParse(value);
  if (!map.success) {
    throw new GymError(
      "INVALID_DATA",
      `Cannot read report ${shown}: wanted resolved_ids, or instance ids with true, false or {resolved}`,
      { file: shown },
    );
  }
  return new Map(
    Object.entries(map.data).map(([id, said]) => [id, typeof said === "boolean" ? said : said.resolved]),
  );
}
