/**
 * Trajectories in their own shape, `gym.trajectory/1`: JSON Lines, or one JSON document.
 *
 * @module
 */
import {
  type Adapter,
  adapter,
  type LogSample,
  type LogSource,
  type ReadOptions,
} from "../../core/adapter.ts";
import type { Contribution } from "../../core/kind.ts";
import { noOptions } from "../../core/schema.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { parseTrajectory } from "../../core/trajectory_schema.ts";
import { fieldsOf } from "./_fields.ts";
import { firstValue } from "./_first_value.ts";
import { records } from "./_records.ts";

/** Reads what this library writes. */
export const gymTrajectory: Contribution<Adapter, Record<string, never>> = adapter(
  "knowlyr/gym-trajectory-v1",
  {
    description: "Trajectories of this library: JSON Lines or one JSON document",
    options: noOptions,
    create: () => Object.freeze({ name: "gym", detect, read }),
  },
);

function detect({ head, files }: LogSample): number {
  if (files !== null) return 0; // a folder of such files is read file by file
  const value = firstValue(head);
  const schema = fieldsOf(Array.isArray(value) ? value[0] : value)["schema"];
  return typeof schema === "string" && schema.startsWith("gym.trajectory/") ? 1 : 0;
}

async function* read(source: LogSource, options: ReadOptions = {}): AsyncGenerator<Trajectory> {
  for (const file of source.files ?? [source]) {
    for await (const { value, place } of records(file, options)) yield parseTrajectory(value, place);
  }
}
