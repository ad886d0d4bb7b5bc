/**
 * `score`: trajectories → the same with scores and rewards.
 *
 * @module
 */
import { z } from "zod";
import type { Command, CommandContext } from "../../core/command.ts";
import { type Domain, domainOf } from "../../core/domain.ts";
import { GymError } from "../../core/errors.ts";
import { hint } from "../../core/id.ts";
import type { Contribution } from "../../core/kind.ts";
import { type Rubric, rubric } from "../../core/rubric.ts";
import type { Json } from "../../core/schema.ts";
import { scoreTrajectory } from "../../core/scoring.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { domainNamed } from "./_domains.ts";
import { formatField, inputsField, trajectoriesOf } from "./_input.ts";
import { fullId } from "../../core/names.ts";
import { counted, writeRows } from "./_output.ts";
import { ScoreSummary } from "./_score_summary.ts";
import { table } from "./_table.ts";
import { verb } from "./_verb.ts";

const weight = z.number().min(0);

/** `score`: gives each step and each episode its scores and its reward. */
export const score: Contribution<Command> = verb("knowlyr/score-v1", {
  path: ["score"],
  summary: "Score the steps of trajectories and give each episode a reward",
  input: z.strictObject({
    trajectories: inputsField,
    output: z.string().optional().describe("File to write; standard output when left out or -"),
    format: formatField,
    rubric: z.array(z.string()).default([]).describe("Rubric to apply; all that judge by rule when left out"),
    domain: z.string().optional().describe(
      "Domain, or a profile in a JSON file, instead of each trajectory's own",
    ),
    weight: z.record(z.string(), weight).default({}).describe(
      "Weight of a rubric by its name, such as efficiency=0",
    ),
    outcomeWeight: weight.default(0.4).describe("Weight of the outcome in an episode's reward"),
    processWeight: weight.default(0.5).describe("Weight of the steps in an episode's reward"),
    efficiencyWeight: weight.default(0.1).describe("Weight of the length in an episode's reward"),
  }),
  positionals: ["trajectories"],
  short: { output: "o", format: "f", domain: "d" },
  examples: [
    {
      line: "score trajectories.jsonl -o scored.jsonl",
      does: "Scores by the rules and the weights of each domain",
    },
    {
      line:
        "score trajectories.jsonl --rubric non-redundancy --rubric outcome --weight non_redundancy=1 -o scored.jsonl",
      does: "Applies two rubrics only",
    },
  ],
  async run({ trajectories, output, format, rubric: names, domain, weight: weights, ...parts }, context) {
    const rubrics = names.length === 0 ? await ruleRubrics(context) : await namedRubrics(names, context);
    checkNames(weights, rubrics);
    const override = domain === undefined ? null : await domainNamed(domain, context);
    const summary = new ScoreSummary();
    const scored = async function* (): AsyncGenerator<Trajectory> {
      for await (const trajectory of trajectoriesOf(trajectories, context, { format })) {
        const own: Domain = override ?? await domainOf(context.kernel, trajectory);
        const result = await scoreTrajectory(trajectory, { rubrics, domain: own, weights, ...parts });
        summary.add(result);
        yield result;
      }
    };
    const { rows, to } = await writeRows(scored(), output, context);
    const { rubrics: found, reward } = summary;
    return {
      data: { trajectories: rows, output: to, reward, rubrics: found } as unknown as Json,
      text: [
        `Scored ${counted(rows, "trajectory", "trajectories")}${to === "-" ? "" : ` to ${to}`}`,
        "",
        table(
          ["rubric", "scores", "mean", "least", "most"],
          [...found, { rubric: "reward", ...reward }].map((
            row,
          ) => [row.rubric, row.count, row.mean, row.least, row.most]),
        ),
      ].join("\n"),
      exitCode: rows === 0 ? 1 : 0,
    };
  },
});

/** Every rubric that needs no options and judges by rule, so that nothing is paid for without being asked. */
async function ruleRubrics({ kernel }: CommandContext): Promise<Rubric[]> {
  const made: Rubric[] = [];
  for (const { contribution } of kernel.list(rubric)) {
    if (!contribution.options.safeParse({}).success) continue;
    const one = await kernel.make(rubric, contribution.id);
    if (one.source === "rule") made.push(one);
  }
  return made;
}

async function namedRubrics(names: readonly string[], { kernel }: CommandContext): Promise<Rubric[]> {
  return await Promise.all(names.map((name) => kernel.make(rubric, fullId(kernel, rubric, name))));
}

function checkNames(weights: Readonly<Record<string, number>>, rubrics: readonly Rubric[]): void {
  const known = rubrics.map(({ name }) => name);
  for (const name of Object.keys(weights)) {
    if (known.includes(name)) continue;
    const near = hint(name, known) || `: known are ${known.join(", ")}`;
    throw new GymError("UNKNOWN_ID", `Cannot weigh rubric "${name}": no such name${near}`, { name });
  }
}
