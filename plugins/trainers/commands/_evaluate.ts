/**
 * How well a model, with or without an adapter, predicts the answers in a data set.
 *
 * @module
 */
import { fillerId } from "../../models/config.ts";
import type { CommandContext } from "../../../core/command.ts";
import { type ModelFolder, openModelFolder } from "../../models/mod.ts";
import { scoringGraph } from "../../models/training_graph.ts";
import { type Feed, pickProvider, type ProviderChoice, Session } from "../../onnx/session.ts";
import { type EncodeOptions, runsOf, type Sequence, type TokenReader } from "../_data/mod.ts";
import { codecOf, loadDataset } from "../_dataset.ts";
import { evaluateSequences, type Evaluation } from "../_evaluation.ts";
import { Trainee } from "../_trainee.ts";
import { DataRows, findData } from "./_data_files.ts";

/** What is evaluated, on what, and how. */
export interface EvaluateOptions extends EncodeOptions {
  /** Absolute path. */
  readonly model: string;
  /** Absolute path. */
  readonly adapter: string | undefined;
  readonly data: readonly string[];
  readonly tools: boolean;
  readonly batchSize: number;
  readonly maxLength: number;
  readonly provider: ProviderChoice;
  readonly threads: number | undefined;
}

/** What an evaluation on the command line found. */
export interface EvaluateReport extends Evaluation {
  readonly rows: number;
  readonly sequences: number;
  /** Bits over bytes of the trained text without special tokens; it does not depend on the tokenizer. */
  readonly bitsPerByte: number;
  readonly skipped: Readonly<Record<string, number>>;
}

/** Evaluates. */
export async function evaluate(
  options: EvaluateOptions,
  context: Pick<CommandContext, "cwd" | "stdin" | "signal" | "progress">,
): Promise<EvaluateReport> {
  const { model, batchSize, maxLength } = options;
  const files = new DataRows(await findData(options.data, context));
  const folder = await openModelFolder(model);
  const codec = await codecOf(folder);
  const { training, report } = await loadDataset(
    { rows: () => files.rows(), place: (row) => files.place(row), folder: "" },
    codec,
    { ...options, evalFraction: 0, seed: 0 },
  );
  await using scorer = await scorerOf(folder, options, (message) => context.progress(message));
  const padId = fillerId(folder.config);
  const { signal } = context;
  const found = await evaluateSequences(scorer.session, scorer.feeds, training, {
    batchSize,
    maxLength,
    padId,
    signal,
  });
  return {
    ...found,
    rows: report.rows,
    sequences: training.length,
    bitsPerByte: Math.log2(found.perplexity) * found.tokens / trainedBytes(training, codec.tokenizer),
    skipped: report.skipped,
  };
}

interface Scorer extends AsyncDisposable {
  readonly session: Session;
  /** What the session takes beside a batch. */
  readonly feeds: () => Record<string, Feed>;
}

/** With an adapter, what is trained is an input of the graph; without one, nothing is. */
async function scorerOf(
  folder: ModelFolder,
  { model, adapter, maxLength, provider, threads }: EvaluateOptions,
  log: (message: string) => void,
): Promise<Scorer> {
  const shape = { maxPositions: maxLength };
  if (adapter === undefined) {
    const graph = scoringGraph(
      { config: folder.config, weights: folder.weights, buckets: [], lora: null },
      shape,
    );
    const session = await Session.create(graph, {
      provider: await pickProvider(provider, log),
      prepack: false,
      ...threads === undefined ? {} : { threads },
    });
    return { session, feeds: () => ({}), [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
  }
  const lora = { loraRank: 1, loraAlpha: 1, loraRs: false, loraTargets: [] }; // the adapter brings its own
  const options = {
    model,
    adapter,
    method: "lora",
    ...lora,
    seed: 0,
    provider,
    prepack: false,
    threads,
  } as const;
  const trainee = await Trainee.create(options, log);
  return {
    session: await trainee.scoring(shape),
    feeds: () => trainee.learner.feeds(),
    [Symbol.asyncDispose]: () => trainee[Symbol.asyncDispose](),
  };
}

const utf8 = new TextEncoder();

function trainedBytes(
  sequences: readonly Sequence[],
  tokenizer: { decode(ids: Int32Array, options: { skipSpecial: boolean }): string },
): number {
  const reader: TokenReader = { decode: (ids) => tokenizer.decode(ids, { skipSpecial: true }) };
  return sequences.flatMap((sequence) => runsOf(sequence, reader)).filter(({ weight }) => weight > 0)
    .reduce((sum, { text }) => sum + utf8.encode(text).length, 0);
}
