/**
 * A training run on the command line: trainer and sinks from the kernel, events to sinks, the result as a table.
 *
 * @module
 */
import { join } from "node:path";
import type { CommandContext, CommandResult } from "../../../core/command.ts";
import { GymError } from "../../../core/errors.ts";
import { type Sink, sink } from "../../../core/sink.ts";
import { type Trainer, trainer } from "../../../core/trainer.ts";
import { runTraining } from "../../../core/training.ts";
import { lockFile } from "../../files/lock.ts";
import { DataRows } from "./_data_files.ts";
import { reportOf, reportText } from "./_report.ts";
import { historyOf, type RunConfig } from "./_run_folder.ts";

/** What {@linkcode runInFolder} takes beside the settings. */
export interface RunInFolder {
  /** The run's folder, absolute. */
  readonly folder: string;
  /** The same for messages. */
  readonly shown: string;
  /** Whether to go on from the newest checkpoint. */
  readonly resume: boolean;
  /** Whether nothing is said but the result. */
  readonly quiet: boolean;
  /** Said and kept after the first event. */
  readonly notices: readonly string[];
  /** Done with the folder locked, before the first step. */
  readonly prepare: () => Promise<void>;
}

/** Trains, and says what came of it. @throws {GymError} `INTERRUPTED`, with the line to type to go on. */
export async function runInFolder(
  config: RunConfig,
  { folder, shown, resume, quiet, notices, prepare }: RunInFolder,
  { kernel, signal }: CommandContext,
): Promise<CommandResult> {
  await using _lock = await lockFile(join(folder, ".lock"), shown);
  await prepare();
  const made = await kernel.make(trainer, config.trainer, config.options);
  const [rows, evaluation] = [new DataRows(config.data), new DataRows(config.evaluation)];
  const end = await runTraining(
    withNotices(made, notices),
    {
      rows: () => rows.rows(),
      ...(config.evaluation.length === 0 ? {} : { evaluation: () => evaluation.rows() }),
      source: config.data.map(({ name }) => name).join(", "),
      place: (row, of) => (of === "rows" ? rows : evaluation).place(row),
      folder,
      resume,
      signal,
    },
    await sinksOf(config, folder, quiet, kernel),
  );
  if (end.reason === "interrupted") {
    throw new GymError(
      "INTERRUPTED",
      `Cannot finish training: interrupted after step ${end.step}, which is saved: ` +
        `type "gym train resume ${shown}" to go on`,
      { folder: shown, step: end.step },
    );
  }
  const report = reportOf(config, shown, await historyOf(folder));
  return { data: report, text: reportText(report) };
}

/** The same trainer, which also says what was found before it began. */
function withNotices({ name, train }: Trainer, notices: readonly string[]): Trainer {
  return {
    name,
    async *train(job) {
      for await (const event of train(job)) {
        yield event;
        if (event.kind !== "start") continue;
        for (const message of notices) yield { kind: "notice", message };
      }
    },
  };
}

function sinksOf(
  { tensorboard }: RunConfig,
  folder: string,
  quiet: boolean,
  kernel: CommandContext["kernel"],
): Promise<Sink[]> {
  const specs: (readonly [string, Readonly<Record<string, string>>])[] = [
    ["knowlyr/jsonl-v1", { folder }],
    ["knowlyr/opentelemetry-v1", {}],
    ...tensorboard ? [["knowlyr/tensorboard-v1", { folder: join(folder, "tensorboard") }] as const] : [],
    ...quiet ? [] : [["knowlyr/progress-v1", {}] as const],
  ];
  return Promise.all(specs.map(([id, options]) => kernel.make(sink, id, options)));
}
