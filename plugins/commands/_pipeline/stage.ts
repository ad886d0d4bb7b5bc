/**
 * One stage of a run: what all of them have in common.
 *
 * @module
 */
import type { Trajectory } from "../../../core/trajectory.ts";
import type { RunFolder, StageFacts } from "./folder.ts";
import { throwIfInterrupted } from "./sources.ts";

/** What the stages need of the world around them. */
export interface RunWorld {
  readonly folder: RunFolder;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  /** The line to type to go on after an interruption. */
  readonly again: string;
}

/** Runs a stage unless it was finished with the same inputs, and says so. See {@linkcode RunFolder.stage}. */
export async function stage(
  world: RunWorld,
  name: string,
  inputs: string,
  output: string,
  work: (begun: boolean) => Promise<StageFacts>,
): Promise<StageFacts> {
  throwIfInterrupted(world.signal, world.again);
  world.progress(`stage ${name}`);
  const { facts, skipped } = await world.folder.stage(name, inputs, output, work);
  if (skipped) world.progress(`stage ${name} was finished before`);
  return facts;
}

/** Rows that end with an error when the signal comes. */
export async function* interruptible(
  rows: AsyncIterable<Trajectory>,
  { signal, again }: RunWorld,
): AsyncGenerator<Trajectory> {
  for await (const row of rows) {
    throwIfInterrupted(signal, again);
    yield row;
  }
}
