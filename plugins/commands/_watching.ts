/**
 * An episode as it happens, for people: a policy that says what it was shown and what it does.
 *
 * @module
 */
import type { Policy } from "../../core/policy.ts";
import type { Action, Step, Trajectory } from "../../core/trajectory.ts";
import { turnsOf } from "../chat/mod.ts";
import { counted } from "./_output.ts";
import { indented, printable } from "./_printable.ts";

/** How an episode is shown. */
export interface WatchOptions {
  /** Lines of a text that are shown; 0 shows all. */
  readonly lines: number;
  readonly colour: boolean;
  /** Takes one or more lines. */
  readonly show: (text: string) => void;
}

/** The policy, seen while it acts. What the last turn showed is told by {@linkcode showResults}. */
export function watched(policy: Policy, options: WatchOptions): Policy {
  const { show, lines } = options;
  const { bold, dim } = styles(options);
  return {
    name: policy.name,
    model: policy.model,
    reset: async (view) => {
      await policy.reset?.(view);
      show(bold(`task ${view.task.id || "(unnamed)"}`));
      const [wanted, seen] = [view.task.description.trim(), view.resetObservation.trim()];
      if (wanted !== "" && !seen.includes(wanted)) show(indented(wanted, lines));
      if (seen !== "") show(indented(seen, lines));
    },
    act: async (view) => {
      showResults(view.history, options);
      show(bold(`step ${view.history.length + 1}`));
      const decision = await policy.act(view);
      const thought = decision.thought ?? "";
      if (thought.trim() !== "") show(dim(indented(thought, lines)));
      for (const action of [decision.action, ...decision.more ?? []]) show(actionText(action, lines));
      return decision;
    },
  };
}

/** Shows what came of each step of the last turn. */
export function showResults(steps: readonly Step[], options: WatchOptions): void {
  const last = turnsOf(steps).at(-1) ?? [];
  for (const step of last) showResult(step, options);
}

function showResult({ result, reward }: Step, options: WatchOptions): void {
  const { dim } = styles(options);
  if (result.output.trim() !== "") options.show(dim(indented(result.output, options.lines)));
  if (reward !== null) options.show(dim(`  reward ${shortNumber(reward)}`));
}

/** How it ended, in one line. */
export function outcomeText({ steps, outcome, reward, task }: Trajectory): string {
  const { success, score, error, reason } = outcome;
  const end = error !== null
    ? `ended by an error: ${error}`
    : success === null
    ? "outcome unknown"
    : success
    ? "success"
    : "failure";
  return printable([
    `${task.id || "(unnamed task)"}: ${end} after ${counted(steps.length, "step")}`,
    ...(error === null && reason !== null ? [reason] : []),
    ...(score === null ? [] : [`score ${shortNumber(score)}`]),
    ...(reward === null ? [] : [`reward ${shortNumber(reward)}`]),
  ].join(", "));
}

/** Plain text as it is; a call with its arguments. */
function actionText({ tool, params, raw }: Action, lines: number): string {
  if (tool === "") return indented(`says: ${raw ?? ""}`, lines);
  const given = Object.keys(params).length === 0 && raw !== undefined ? raw : JSON.stringify(params);
  return indented(`${tool} ${given}`, lines);
}

function shortNumber(value: number): string {
  return String(Number(value.toFixed(4)));
}

function styles({ colour }: WatchOptions) {
  const style = (on: number, off: number) => (text: string) =>
    colour ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return { bold: style(1, 22), dim: style(2, 22) };
}
