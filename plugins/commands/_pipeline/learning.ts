/**
 * The stages that make models and let them act: one for each new model, each training, each policy of an evaluation.
 *
 * @module
 */
import { shortHash } from "../_episodes/plan.ts";
import { readTasks } from "../_tasks.ts";
import { evaluated, evaluationOf, type EvaluationResult, evaluationSeed } from "./evaluate.ts";
import { makeModel, modelThere, ownModel, type ReadyModel, trainedModel } from "./model.ts";
import type { ReadPipeline } from "./read.ts";
import { evaluationFolder } from "./references.ts";
import type { EvaluateItem, ModelRef, TrainItem } from "./schema.ts";
import { noStdin } from "./sources.ts";
import { type RunWorld, stage } from "./stage.ts";
import { trained, type TrainSummary } from "./train.ts";

/** A finished training. */
interface Trained {
  /** What its result depends on. */
  readonly inputs: string;
  /** Folder of the model that it started from; null when nobody knows. */
  readonly start: string | null;
}

/** Trains and evaluates, in the order of the file: a later item may use what an earlier one came to. */
export class Learning {
  readonly #read: ReadPipeline;
  readonly #world: RunWorld;
  readonly #trained = new Map<string, Trained>();
  readonly #made = new Set<string>();

  constructor(read: ReadPipeline, world: RunWorld) {
    this.#read = read;
    this.#world = world;
  }

  /** Trains one item. @param data What the exported rows depend on. */
  async train(item: TrainItem, data: string): Promise<TrainSummary> {
    const { kernel, pipeline } = this.#read;
    const { folder, signal, again } = this.#world;
    const name = item.name!; // filled in when the pipeline was read
    const model = await this.#model(item.model);
    const rows = item.data === undefined
      ? null
      : [data, pipeline.export.find(({ file }) => file === item.data)!]; // which was checked then
    const inputs = shortHash([rows, item, model?.inputs ?? null]);
    const facts = await stage(this.#world, `train ${name}`, inputs, name, async (begun) => {
      const file = (...names: readonly string[]): string => folder.file(...names);
      return await trained(item, { kernel, file, signal, again, model, resume: begun });
    });
    const given = item.options["model"];
    const start = model?.model ?? (typeof given === "string" ? given : null);
    this.#trained.set(name, { inputs, start });
    return facts as unknown as TrainSummary; // sound: the stage's own
  }

  /** Lets the policies of one item play and compares them. */
  async evaluate(item: EvaluateItem): Promise<EvaluationResult> {
    const { kernel, pipeline, folder: base } = this.#read;
    const { policies, concurrency: _, name = "", ...playing } = item; // concurrency does not change the result
    const tasks = await readTasks(item.tasks, { cwd: base, stdin: noStdin });
    const seed = evaluationSeed(pipeline.seed);
    for (const contender of policies) {
      const model = await this.#model(contender.model);
      const output = `${evaluationFolder(name)}/${contender.name}/trajectories.jsonl`;
      const inputs = shortHash([playing, contender, tasks, seed, model?.inputs ?? null]);
      const job = { ...this.#world, kernel, item, contender, model, tasks, seed, inputs };
      await stage(
        this.#world,
        `evaluate ${name}/${contender.name}`,
        inputs,
        output,
        () => evaluated(job, output),
      );
    }
    return await evaluationOf(item, seed, (...names) => this.#world.folder.file(...names));
  }

  /** The model that is meant; null when the options say it. */
  async #model(model: ModelRef | undefined): Promise<ReadyModel | null> {
    const { folder } = this.#world;
    if (model === undefined) return null;
    if (typeof model === "string") return await modelThere(model, this.#read.folder);
    if ("train" in model) {
      const { inputs, start } = this.#trained.get(model.train)!; // which was checked when the pipeline was read
      return { ...await trainedModel(folder.file(model.train), start), inputs };
    }
    const own = ownModel(model)!;
    if (!this.#made.has(own)) {
      await stage(this.#world, own, shortHash(model), own, async () => {
        await makeModel(folder.file(own), model);
        return {};
      });
      this.#made.add(own);
    }
    return { model: folder.file(own), adapter: null, inputs: model };
  }
}
