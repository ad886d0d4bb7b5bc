/**
 * Trajectories → the same with scores and rewards.
 *
 * @module
 */
import { type Domain, domainOf, findDomain } from "../../../core/domain.ts";
import type { Kernel } from "../../../core/kernel.ts";
import { type Rubric, rubric } from "../../../core/rubric.ts";
import { scoreTrajectory } from "../../../core/scoring.ts";
import type { Trajectory } from "../../../core/trajectory.ts";
import type { Pipeline } from "./schema.ts";

/** Scores a stream of trajectories in order. */
export async function* scored(
  kernel: Kernel,
  trajectories: AsyncIterable<Trajectory>,
  { rubrics = [], domain, weights }: Pipeline["score"],
): AsyncGenerator<Trajectory> {
  const judges: readonly Rubric[] = await Promise.all(rubrics.map((id) => kernel.make(rubric, id)));
  const chosen = domain === undefined ? undefined : await findDomain(kernel, domain);
  const domains = new Map<string, Domain>();
  for await (const trajectory of trajectories) {
    const own = chosen ?? domains.get(trajectory.domain) ?? await domainOf(kernel, trajectory);
    domains.set(trajectory.domain, own);
    yield await scoreTrajectory(trajectory, {
      rubrics: judges,
      domain: own,
      ...(weights === undefined ? {} : { weights }),
    });
  }
}
