/**
 * The rows of a file that a run wrote itself, so they are not checked again.
 *
 * @module
 */
import { readJsonl } from "../../../core/jsonl.ts";
import type { Trajectory } from "../../../core/trajectory.ts";

/** Streams trajectories; opening it twice reads twice. */
export async function* rowsOf(file: string): AsyncGenerator<Trajectory> {
  const { readable } = await Deno.open(file);
  for await (const { value } of readJsonl(readable, { file })) yield value as Trajectory;
}

/** Name of the source that a trajectory of a run came from. */
export function sourceOf({ metadata }: Trajectory): string {
  return (metadata["run"] as { readonly source: string }).source; // every row of a run has it
}
