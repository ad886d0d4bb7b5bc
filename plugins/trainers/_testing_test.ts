/** Tiny models, rows and runs of `sft` for tests. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { createKernel } from "../../core/kernel.ts";
import type { ExportRow } from "../../core/exporter.ts";
import type { Contribution } from "../../core/kind.ts";
import type { Trainer, TrainEvent, TrainJob } from "../../core/trainer.ts";
import { initModel, type InitOptions } from "../models/mod.ts";
import trainers, { sftTrainer, type SftTrainerOptions } from "./mod.ts";

/** A test with a folder of its own. @param ignore Whether this system cannot run it. */
export function inFolder(name: string, test: (folder: string) => Promise<void>, ignore = false): void {
  Deno.test({ name, ignore }, async () => {
    const folder = await Deno.makeTempDir({ prefix: "gym-train-" });
    try {
      await test(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** A new model of about 11 000 parameters in `folder/model`; returns its path. */
export async function tinyModel(folder: string, options: Partial<InitOptions> = {}): Promise<string> {
  const path = join(folder, "model");
  await initModel(path, {
    seed: 1n,
    size: { layers: 1, hiddenSize: 16, heads: 2, keyValueHeads: 1, intermediateSize: 32 },
    ...options,
  });
  return path;
}

/** A conversation of one question and one answer. */
export function exchange(question: string, answer: string): ExportRow {
  return { messages: [{ role: "user", content: question }, { role: "assistant", content: answer }] };
}

/** Conversations of different lengths, some with thoughts. */
export function conversations(count: number): ExportRow[] {
  return Array.from({ length: count }, (_, at) => ({
    task_id: `task-${at}`,
    reward: (at % 5) / 4,
    messages: [
      { role: "user", content: `Count to ${at}` },
      { role: "assistant", reasoning_content: "hm ".repeat(at % 3), content: "ab ".repeat(at % 7) },
      { role: "user", content: "More" },
      { role: "assistant", content: "done" },
    ],
  }));
}

/** What a test of a run gives beside the options. */
export interface Given extends Omit<TrainJob, "rows" | "evaluation"> {
  readonly rows?: readonly ExportRow[];
  readonly evaluation?: readonly ExportRow[];
}

/** The stream of a run of `sft` on the CPU. */
export async function* stream(options: SftTrainerOptions, given: Given): AsyncGenerator<TrainEvent> {
  const settings = { provider: "cpu", threads: 1, loraRank: 4, ...options } as const;
  yield* streamWith(sftTrainer, settings, given);
}

/** The stream of a run of any trainer. */
export async function* streamWith<Options>(
  made: Contribution<Trainer, Options>,
  options: NoInfer<Options>,
  { rows = conversations(12), evaluation, ...job }: Given,
): AsyncGenerator<TrainEvent> {
  const trainer = await createKernel({ plugins: [trainers] }).make(made, options);
  yield* trainer.train({
    ...job,
    rows: () => streamOf(rows),
    ...(evaluation && { evaluation: () => streamOf(evaluation) }),
  });
}

/** All events of a run. */
export function train(options: SftTrainerOptions, given: Given): Promise<TrainEvent[]> {
  return Array.fromAsync(stream(options, given));
}

/** Events of one kind. */
export function only<K extends TrainEvent["kind"]>(
  events: readonly TrainEvent[],
  kind: K,
): Extract<TrainEvent, { kind: K }>[] {
  return events.filter((event): event is Extract<TrainEvent, { kind: K }> => event.kind === kind);
}

/** One metric of all steps. */
export function series(events: readonly TrainEvent[], metric: string): number[] {
  return only(events, "step").map(({ metrics }) => metrics[metric]!);
}

/** SHA-256 of every file of a folder, by name. */
export async function hashes(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    found[name] = createHash("sha256").update(await Deno.readFile(join(folder, name))).digest("hex");
  }
  return found;
}

async function* streamOf(rows: readonly ExportRow[]): AsyncGenerator<ExportRow> {
  yield* rows;
}
