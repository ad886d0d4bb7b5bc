/**
 * Does the call undo the agent's own work? Undoing a standing change scores 0 and names it; other changes score 1; other calls are not evaluated.
 *
 * Seen are: an edit that is the inverse of a standing edit of the same file, a file written back to content it had before, and the
 * editor's own undo. Doing again what was undone is no regression. Changes made by shell commands are not seen.
 *
 * @module
 */
import type { Rubric, Verdict } from "../../../core/rubric.ts";
import type { Json } from "../../../core/schema.ts";
import type { Step } from "../../../core/trajectory.ts";
import { callOf } from "./_call.ts";

/** Names under which agents' tools take the old and the new text of an edit. */
const EDITS = [["old_string", "new_string"], ["old_str", "new_str"], ["old", "new"], [
  "search",
  "replace",
]] as const;
/** Names under which they take the whole content of a file. */
const CONTENTS = ["content", "file_text", "contents", "text"] as const;

/** See the module. */
export const regression: Rubric = {
  id: "knowlyr/regression-v1",
  name: "regression",
  description: "Whether the call undoes the agent's own work",
  source: "rule",
  start: ({ domain }) => {
    const files = new Map<string, FileHistory>();
    return {
      step: (step) => {
        const call = callOf(step, domain);
        const { category, target } = call;
        if (target === null || call.failed || (category !== "read" && category !== "write")) return null;
        let file = files.get(target);
        if (file === undefined) files.set(target, file = new FileHistory());
        if (category === "read") {
          file.saw(step);
          return null;
        }
        const undone = file.change(step);
        return undone === null ? KEPT : {
          value: 0,
          reason: `Undoes the change of step ${undone}`,
          refersTo: undone,
        };
      },
    };
  },
};

const KEPT: Verdict = Object.freeze({ value: 1, reason: "Undoes nothing", refersTo: null });

interface Change {
  readonly step: number;
  /** Inverse of an edit, as a key; null for other changes. */
  readonly inverse: string | null;
  /** Content after the change, when known. */
  readonly content: string | null;
}

/** The standing changes of one file, the newest last. Every change is pushed once and popped once. */
class FileHistory {
  #start: string | null = null;
  readonly #changes: Change[] = [];
  readonly #byInverse = new Map<string, Change>();
  /** Number of standing changes at which the file had a content. */
  readonly #byContent = new Map<string, number>();

  /** Takes what a read shows as the content before the first change. */
  saw({ action: { params }, result }: Step): void {
    if (this.#changes.length > 0 || this.#start !== null || result.truncated) return;
    if (Object.values(params).some((value) => value !== null && typeof value !== "string")) return;
    this.#start = result.output;
    this.#byContent.set(result.output, 0);
  }

  /** Step of the standing change that this one undoes, or null when it is a change of its own. */
  change({ index, action: { params } }: Step): number | null {
    if (params["command"] === "undo_edit") return this.#popTo(this.#changes.length - 1);
    const content = textOf(params, CONTENTS);
    const edit = editOf(params);
    if (edit !== null) return this.#edit(index, edit);
    if (content !== null) {
      const depth = this.#byContent.get(content);
      if (depth !== undefined) return this.#popTo(depth);
    }
    this.#push({ step: index, inverse: null, content });
    return null;
  }

  #edit(
    step: number,
    { forward, inverse }: { readonly forward: string; readonly inverse: string },
  ): number | null {
    const undone = this.#byInverse.get(forward);
    if (undone === undefined) {
      this.#push({ step, inverse, content: null });
      return null;
    }
    this.#byInverse.delete(forward);
    if (this.#changes.at(-1) === undone) this.#changes.pop();
    return undone.step;
  }

  #push(change: Change): void {
    this.#changes.push(change);
    if (change.inverse !== null) this.#byInverse.set(change.inverse, change);
    if (change.content !== null) this.#byContent.set(change.content, this.#changes.length);
  }

  /** Drops the changes above `depth`; gives the step of the first of them. */
  #popTo(depth: number): number | null {
    const undone = depth < 0 ? undefined : this.#changes[depth];
    while (depth >= 0 && this.#changes.length > depth) {
      const { inverse, content } = this.#changes.pop()!;
      if (inverse !== null) this.#byInverse.delete(inverse);
      if (content !== null) this.#byContent.delete(content);
    }
    return undone?.step ?? null;
  }
}

function editOf(params: Readonly<Record<string, Json>>): { forward: string; inverse: string } | null {
  for (const [from, to] of EDITS) {
    const before = params[from];
    const after = params[to];
    if (
      typeof before !== "string" || typeof after !== "string" || before === "" || after === "" ||
      before === after
    ) continue;
    return { forward: editKey(before, after), inverse: editKey(after, before) };
  }
  return null;
}

function editKey(before: string, after: string): string {
  return `${before.length}\n${before}${after}`;
}

function textOf(params: Readonly<Record<string, Json>>, names: readonly string[]): string | null {
  for (const name of names) {
    const value = params[name];
    if (typeof value === "string") return value;
  }
  return null;
}
