/** Starts `_train_child.ts`. */
import { fileURLToPath } from "node:url";
import type { TrainEvent } from "../../core/trainer.ts";
import type { Given } from "../../plugins/trainers/_testing_test.ts";
import type {
  DpoTrainerOptions,
  OnlineTrainerOptions,
  SftTrainerOptions,
} from "../../plugins/trainers/mod.ts";

/** What a child is told. */
export interface ChildJob {
  /** @default "sft" */
  readonly trainer?: "sft" | "dpo" | "online";
  readonly options: SftTrainerOptions | DpoTrainerOptions | OnlineTrainerOptions;
  readonly given: Given;
  /** File operation before which it kills itself. */
  readonly killAt?: number;
  /** Limit of the shell, such as `-f 100`. */
  readonly limit?: string;
}

/** What became of it. */
export interface ChildResult {
  readonly signal: Deno.Signal | null;
  readonly events: readonly TrainEvent[];
  /** Null when the child did not come to its end. */
  readonly operations: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly stderr: string;
}

const SCRIPT = fileURLToPath(new URL("./_train_child.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** Runs a trainer in a process of its own. */
export async function inChild({ limit, ...job }: ChildJob): Promise<ChildResult> {
  const file = await Deno.makeTempFile({ prefix: "gym-job-", suffix: ".json" });
  await Deno.writeTextFile(file, JSON.stringify(job));
  const run = [Deno.execPath(), "run", "--quiet", "--no-check", "--config", CONFIG, "-A", SCRIPT, file];
  const [command, ...args] = limit === undefined
    ? run
    : ["sh", "-c", `trap '' XFSZ; ulimit ${limit}; exec "$@"`, "sh", ...run];
  const { stdout, stderr, signal } = await new Deno.Command(command!, { args }).output();
  await Deno.remove(file);
  const lines = new TextDecoder().decode(stdout).trim().split("\n").filter((line) => line !== "");
  const told = lines.map((line) => JSON.parse(line));
  return {
    signal,
    events: told.filter(({ kind }) => kind !== "error" && kind !== "operations"),
    operations: told.find(({ kind }) => kind === "operations")?.operations ?? null,
    error: told.find(({ kind }) => kind === "error") ?? null,
    stderr: new TextDecoder().decode(stderr),
  };
}
