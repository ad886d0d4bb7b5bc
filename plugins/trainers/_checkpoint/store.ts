/**
 * Checkpoints of one run in a folder: `checkpoint-000120`, each whole or not there, and `latest`, a text file with the
 * name of the newest.
 *
 * One invariant: at every moment, a kill or a full disk included, the newest checkpoint that was saved is there and
 * whole. A new one is written to `….part`, made durable, then renamed; one of the same step steps aside as `….old`
 * while its successor takes its name.
 *
 * @module
 */
import { join } from "node:path";
import { writeAtomic } from "../../files/mod.ts";
import { onFile } from "../../files/file_error.ts";
import { syncFolder, syncTree } from "./durable.ts";
import { type Manifest, MANIFEST_FILE, measure, readManifest } from "./manifest.ts";

/** Name of the file that names the newest checkpoint. */
export const LATEST_FILE = "latest";

/** What {@linkcode CheckpointStore.open} takes beside the folder. */
export interface CheckpointOptions {
  /** Newest checkpoints to keep, at least 1. @default 2 */
  readonly keep?: number;
  /** Best checkpoints to keep beside them, by metric. @default 1 */
  readonly keepBest?: number;
  /** Whether the best metric is the lowest or the highest. @default "min" */
  readonly best?: "min" | "max";
  /** Told of checkpoints that are broken and passed over. */
  readonly onNotice?: (message: string) => void;
}

/** What {@linkcode CheckpointStore.save} takes beside step and writer. */
export interface SaveOptions {
  /** The number that the best checkpoint is chosen by; one that is not finite counts as none. */
  readonly metric?: number;
}

/** A checkpoint that is whole. */
export interface Checkpoint {
  /** Step after which it was taken. */
  readonly step: number;
  /** Its folder. */
  readonly folder: string;
  /** The number that the best one is chosen by; null for none. */
  readonly metric: number | null;
  /** Paths of its files in the folder. */
  readonly files: readonly string[];
}

/** One writer a folder at a time; readers may come at any time. */
export class CheckpointStore {
  /** The folder. */
  readonly folder: string;
  readonly #keep: number;
  readonly #keepBest: number;
  readonly #sign: 1 | -1;
  readonly #notice: (message: string) => void;

  private constructor(folder: string, options: CheckpointOptions) {
    const { keep = 2, keepBest = 1, best = "min", onNotice = () => {} } = options;
    this.folder = folder;
    this.#keep = wantCount("keep", keep, 1);
    this.#keepBest = wantCount("keepBest", keepBest, 0);
    this.#sign = best === "min" ? 1 : -1;
    this.#notice = onNotice;
  }

  /**
   * Opens a folder, making it. Changes nothing in it, so that a reader may open the folder of a run that goes on.
   *
   * @throws {RangeError} For `keep` below 1. @throws {GymError} `FILE_ACCESS` or `PERMISSION`.
   */
  static async open(folder: string, options: CheckpointOptions = {}): Promise<CheckpointStore> {
    const store = new CheckpointStore(folder, options);
    await onFile("write", folder, () => Deno.mkdir(folder, { recursive: true }));
    return store;
  }

  /**
   * Saves a checkpoint, then removes those that need not be kept. One of the same step is replaced. When it fails, what
   * was there before is still there.
   *
   * @param write Writes files into the folder it is given, which is not yet the checkpoint's own. What it throws passes on.
   * @returns The checkpoint's folder.
   * @throws {RangeError} When a whole checkpoint of a later step is there: another run's, or {@linkcode rewind} comes first.
   * @throws {GymError} `FILE_ACCESS` or `PERMISSION`.
   */
  async save(
    step: number,
    write: (folder: string) => Promise<void>,
    options: SaveOptions = {},
  ): Promise<string> {
    wantCount("step", step, 0);
    await this.#clean();
    await this.#wantNewest(step);
    const name = nameOf(step);
    const part = join(this.folder, `${name}.part`);
    try {
      await onFile("write", part, () => Deno.mkdir(part));
      await write(part);
      await onFile("write", part, () => seal(part, step, options.metric));
      await this.#publish(name);
    } catch (thrown) {
      await Deno.remove(part, { recursive: true }).catch(() => {}); // the first error is the one to report
      throw thrown;
    }
    await writeAtomic(join(this.folder, LATEST_FILE), `${name}\n`);
    await onFile("write", this.folder, () => this.#prune());
    return join(this.folder, name);
  }

  /** The newest whole checkpoint, every file verified; null when there is none. A broken one is told of and passed over. */
  async latest(): Promise<Checkpoint | null> {
    for (const entry of (await this.#entries()).reverse()) {
      const whole = await this.#whole(entry);
      if (whole !== null) return whole;
    }
    return null;
  }

  /** The whole checkpoint with the best metric, the newest among equals, every file verified; null when none has one. */
  async best(): Promise<Checkpoint | null> {
    for (const entry of await this.#byMetric()) {
      const whole = await this.#whole(entry);
      if (whole !== null) return whole;
    }
    return null;
  }

  /** Steps of the checkpoints that are there, whole or not, in order. */
  async steps(): Promise<readonly number[]> {
    return (await this.#entries()).map(({ step }) => step);
  }

  /** Removes all checkpoints after `step`, so that a run can go on from there; 0 for one that starts afresh. */
  async rewind(step: number): Promise<void> {
    await this.#clean();
    const entries = await this.#entries();
    const newest = entries.findLast((entry) => entry.step <= step);
    const latest = join(this.folder, LATEST_FILE);
    await onFile("write", this.folder, async () => {
      if (newest !== undefined) await writeAtomic(latest, `${nameOf(newest.step)}\n`);
      else await Deno.remove(latest).catch(() => {}); // there may be none
      for (const entry of entries.filter((entry) => entry.step > step).reverse()) await discard(entry.folder);
    });
  }

  async #whole({ step, folder }: Entry): Promise<Checkpoint | null> {
    const read = await readManifest(folder, true);
    const problem = "problem" in read
      ? read.problem
      : read.manifest.step === step
      ? null
      : `wanted step ${step}: received ${read.manifest.step}`;
    if (problem === null && "manifest" in read) {
      const { metric, files } = read.manifest;
      return { step, folder, metric, files: Object.keys(files) };
    }
    this.#notice(`Cannot use checkpoint "${folder}": ${problem}`);
    return null;
  }

  /** Checkpoints by step; of a step whose replacement was cut short, the one that stepped aside. */
  async #entries(): Promise<Entry[]> {
    const found = new Map<number, Entry>();
    await onFile("read", this.folder, async () => {
      for await (const { name, isDirectory } of Deno.readDir(this.folder)) {
        const [, digits, aside] = /^checkpoint-(\d+)(\.old)?$/.exec(name) ?? [];
        const step = Number(digits);
        if (!isDirectory || digits === undefined || nameOf(step) !== `checkpoint-${digits}`) continue;
        if (aside === undefined || !found.has(step)) {
          found.set(step, { step, folder: join(this.folder, name) });
        }
      }
    });
    return [...found.values()].sort((a, b) => a.step - b.step);
  }

  /** Entries with a metric, best first, newer before older among equals. */
  async #byMetric(): Promise<readonly Entry[]> {
    const measured: (Entry & { readonly metric: number })[] = [];
    for (const entry of await this.#entries()) {
      const read = await readManifest(entry.folder, false);
      const metric = "manifest" in read ? read.manifest.metric : null;
      if (metric !== null) measured.push({ ...entry, metric });
    }
    return measured.sort((a, b) => (a.metric - b.metric) * this.#sign || b.step - a.step);
  }

  /** Ends what a killed process began: leftovers go, a checkpoint that stepped aside for none comes back. */
  async #clean(): Promise<void> {
    await onFile("write", this.folder, async () => {
      for (const { name } of await Array.fromAsync(Deno.readDir(this.folder))) {
        const [, own, sort] = /^(checkpoint-\d+)\.(part|old)$/.exec(name) ?? [];
        if (own === undefined) continue;
        const path = join(this.folder, name);
        if (sort === "old" && !await exists(join(this.folder, own))) {
          await Deno.rename(path, join(this.folder, own));
        } else await Deno.remove(path, { recursive: true });
      }
    });
  }

  /** A checkpoint of a later step would be taken for the newest: a broken one goes, a whole one is not ours to remove. */
  async #wantNewest(step: number): Promise<void> {
    for (const entry of (await this.#entries()).filter((entry) => entry.step > step)) {
      if (await this.#whole(entry) !== null) {
        throw new RangeError(
          `Cannot save checkpoint in "${this.folder}": step: wanted at least ${entry.step}, which is there: received ${step}`,
        );
      }
      await onFile("write", entry.folder, () => discard(entry.folder));
    }
  }

  async #publish(name: string): Promise<void> {
    const path = join(this.folder, name);
    await onFile("write", path, async () => {
      const replaces = await exists(path);
      if (replaces) await Deno.rename(path, `${path}.old`);
      await Deno.rename(`${path}.part`, path);
      await syncFolder(this.folder);
      if (replaces) await Deno.remove(`${path}.old`, { recursive: true });
    });
  }

  async #prune(): Promise<void> {
    const entries = await this.#entries();
    const kept = new Set([...entries.slice(-this.#keep), ...(await this.#byMetric()).slice(0, this.#keepBest)]
      .map(({ step }) => step));
    for (const entry of entries) if (!kept.has(entry.step)) await discard(entry.folder);
  }
}

interface Entry {
  readonly step: number;
  readonly folder: string;
}

function nameOf(step: number): string {
  return `checkpoint-${String(step).padStart(6, "0")}`;
}

/** Writes the manifest and waits for the disk. */
async function seal(folder: string, step: number, metric: number | undefined): Promise<void> {
  const manifest: Manifest = {
    step,
    metric: metric !== undefined && Number.isFinite(metric) ? metric : null,
    files: await measure(folder),
  };
  await Deno.writeTextFile(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`, {
    createNew: true, // the name is taken by no file of the writer
  });
  await syncTree(folder);
}

/** Removes a checkpoint under a name that is none, so that a kill leaves no half of one. */
async function discard(folder: string): Promise<void> {
  const part = `${folder.replace(/\.old$/, "")}.part`;
  await Deno.rename(folder, part);
  await Deno.remove(part, { recursive: true });
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

function wantCount(what: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new RangeError(
    `Cannot keep checkpoints: ${what}: wanted a whole number of at least ${least}: received ${value}`,
  );
}
