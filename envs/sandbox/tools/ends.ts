/**
 * Tools that ask the verifier: run_tests, submit and finish.
 *
 * @module
 */
import { z } from "zod";
import type { StepInfo } from "../../../core/env.ts";
import type { ExecResult } from "../../../core/runtime.ts";
import { testSummary } from "../../../plugins/test_output/mod.ts";
import { defineTool, done, type SandboxTool, type ToolContext, type ToolOutcome } from "../tool.ts";
import { verify } from "../verifier.ts";
import { outcomeOf } from "./shell.ts";

const runTests: SandboxTool = defineTool(
  "run_tests",
  "Runs the check that decides success, and changes nothing",
  z.strictObject({}),
  async (_, context) => {
    const result = await verify(context);
    if (result === null) return done("This task has no check");
    return { ...outcomeOf(result), info: countsOf(result) };
  },
);

const message = z.string().optional().describe("What to hand in or to say at the end");

/** Both end the episode and let the verifier decide. */
const ends: readonly SandboxTool[] = [["submit", "Hands the workspace in"], [
  "finish",
  "Says that the work is over",
]]
  .map(([name, what]) =>
    defineTool(
      name!,
      `${what}; the check decides and the episode ends`,
      z.strictObject({ message }),
      ({ message }, context) => end(name!, message, context),
    )
  );

async function end(reason: string, message: string | undefined, context: ToolContext): Promise<ToolOutcome> {
  const common: StepInfo = { reason, ...(message === undefined ? {} : { submission: message }) };
  const result = await verify(context);
  if (result === null) {
    return { ...done("The episode ended."), ends: true, info: { ...common, success: null } };
  }
  const success = result.exitCode === 0;
  const { observation, truncated = false } = outcomeOf(result);
  return {
    observation: `The check ${success ? "passed" : "failed"}:\n${observation}`,
    exitCode: result.exitCode,
    error: null, // the call did what it is for, whatever the check says
    truncated,
    ends: true,
    info: {
      ...common,
      success,
      successSource: "verifier",
      ...countsOf(result),
    },
  };
}

/** Numbers of passed and failed tests, as far as the check printed them. */
function countsOf({ stdout, stderr }: ExecResult): Pick<StepInfo, "testsPassed" | "testsFailed"> {
  const summary = testSummary(`${stdout}\n${stderr}`);
  return {
    ...(summary?.passed === undefined || summary.passed === null ? {} : { testsPassed: summary.passed }),
    ...(summary?.failed === undefined || summary.failed === null ? {} : { testsFailed: summary.failed }),
  };
}

/** run_tests, submit and finish. */
export const endTools: readonly SandboxTool[] = [runTests, ...ends];
