/** Trajectories built by hand, for tests. */
import {
  type Step,
  type Trajectory,
  TRAJECTORY_SCHEMA,
  unknownOutcome,
  unknownUsage,
} from "../../core/trajectory.ts";

/** A step with everything filled in that `given` leaves out. */
export function sampleStep(index: number, given: Partial<Step> = {}): Step {
  return {
    index,
    thought: `Look at file ${index}.`,
    action: { tool: "read_file", params: { path: `src/f${index}.ts` } },
    result: { output: `line ${index}`, exitCode: 0, error: null, durationMs: null, truncated: false },
    reward: null,
    scores: [],
    timestamp: null,
    tokens: null,
    ...given,
  };
}

/** A trajectory with everything filled in that `given` leaves out. */
export function sampleTrajectory(given: Partial<Trajectory> = {}): Trajectory {
  return {
    schema: TRAJECTORY_SCHEMA,
    id: "sha256:1",
    task: { id: "t1", description: "Fix the sort" },
    env: null,
    domain: "coding",
    agent: "agent",
    model: "model",
    system: "You fix code.",
    tools: [{ name: "read_file", description: "Reads.", parameters: { type: "object", properties: {} } }],
    reset: { observation: "", timestamp: null },
    steps: [sampleStep(0), sampleStep(1)],
    outcome: unknownOutcome,
    scores: [],
    reward: null,
    usage: unknownUsage,
    metadata: {},
    ...given,
  };
}

/** An array as a stream. */
export async function* streamOf<T>(items: readonly T[]): AsyncIterable<T> {
  yield* items;
}
