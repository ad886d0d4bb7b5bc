/**
 * The kernel: takes plugins, refuses clashes, freezes, and makes what they provide. It knows no built-in.
 *
 * @module
 */
import { GymError, isGymError, PluginError } from "./errors.ts";
import { hint, resolveId } from "./id.ts";
import type { Contribution, Kind } from "./kind.ts";
import { checkPluginShape, type Plugin } from "./plugin.ts";
import { parseOptions } from "./schema.ts";

/** A contribution together with the plugin that provides it. */
export interface Entry<T> {
  /** The contribution. */
  readonly contribution: Contribution<T, unknown>;
  /** The plugin that provides it. */
  readonly plugin: Plugin;
}

/** A frozen set of plugins. */
export interface Kernel {
  /** The plugins, in the order they were given. */
  readonly plugins: readonly Plugin[];
  /** Names of the kinds that have at least one contribution, sorted. */
  readonly kinds: readonly string[];
  /** All contributions of a kind, sorted by id. */
  list<T>(kind: Kind<T>): readonly Entry<T>[];
  /** All contributions of the kind named `kind`, sorted by id. */
  listNamed(kind: string): readonly Entry<unknown>[];
  /**
   * The contribution that `id` means; without `-vN` the newest.
   *
   * @throws {GymError} `UNKNOWN_ID`, with the nearest id and who provides it.
   */
  find<T>(kind: Kind<T>, id: string): Entry<T>;
  /**
   * Makes a contribution by handle, options typed. The contribution need not belong to a plugin of this kernel.
   *
   * @throws {GymError} `INVALID_OPTIONS`. {@linkcode PluginError} when `create` throws.
   */
  make<T, I>(contribution: Contribution<T, I>, options: I): Promise<T>;
  /**
   * Makes a contribution by id, options checked by its schema.
   *
   * @throws {GymError} `UNKNOWN_ID` or `INVALID_OPTIONS`. {@linkcode PluginError} when `create` throws.
   */
  make<T>(kind: Kind<T>, id: string, options?: unknown): Promise<T>;
}

/** What {@linkcode createKernel} takes. */
export interface KernelOptions {
  /** Plugins in load order. */
  readonly plugins: readonly Plugin[];
}

/**
 * Builds a kernel from plugins. Nothing can be added later; make another kernel instead.
 *
 * @throws {GymError} `INVALID_PLUGIN`, `CLASHING_ID` or `CONTRACT_VERSION`.
 */
export function createKernel({ plugins }: KernelOptions): Kernel {
  const shelves = new Map<string, Map<string, Entry<unknown>>>();
  const contracts = new Map<string, { contract: number; plugin: string }>();
  for (const plugin of plugins) addPlugin(plugin, shelves, contracts);
  return Object.freeze(new FrozenKernel(plugins, shelves));
}

type Shelves = Map<string, Map<string, Entry<unknown>>>;

function addPlugin(
  plugin: Plugin,
  shelves: Shelves,
  contracts: Map<string, { contract: number; plugin: string }>,
): void {
  checkPluginShape(plugin, `plugin "${String(plugin?.name)}"`);
  for (const item of plugin.provides) {
    const known = contracts.get(item.kind);
    if (known === undefined) contracts.set(item.kind, { contract: item.contract, plugin: plugin.name });
    else if (known.contract !== item.contract) {
      throw new GymError(
        "CONTRACT_VERSION",
        `Cannot load plugin "${plugin.name}": ${item.kind} "${item.id}" is written for version ${item.contract} of its contract, ` +
          `plugin "${known.plugin}" uses version ${known.contract}`,
        {
          plugin: plugin.name,
          kind: item.kind,
          id: item.id,
          wanted: known.contract,
          received: item.contract,
        },
      );
    }
    const shelf = shelves.get(item.kind) ?? new Map<string, Entry<unknown>>();
    shelves.set(item.kind, shelf);
    const other = shelf.get(item.id);
    if (other !== undefined) {
      throw new GymError(
        "CLASHING_ID",
        `Cannot load plugin "${plugin.name}": ${item.kind} "${item.id}" is already provided by plugin "${other.plugin.name}"`,
        { plugin: plugin.name, other: other.plugin.name, kind: item.kind, id: item.id },
      );
    }
    shelf.set(item.id, { contribution: item as Contribution<unknown, unknown>, plugin });
  }
}

class FrozenKernel implements Kernel {
  readonly plugins: readonly Plugin[];
  readonly kinds: readonly string[];
  readonly #shelves: Shelves;

  constructor(plugins: readonly Plugin[], shelves: Shelves) {
    this.plugins = Object.freeze([...plugins]);
    this.kinds = Object.freeze([...shelves.keys()].sort());
    this.#shelves = shelves;
  }

  list<T>(kind: Kind<T>): readonly Entry<T>[] {
    // Sound: a shelf holds what contributions of that kind name and contract make.
    return this.listNamed(kind.kindName) as readonly Entry<T>[];
  }

  listNamed(kind: string): readonly Entry<unknown>[] {
    const entries = [...(this.#shelves.get(kind)?.values() ?? [])];
    return entries.sort((a, b) => (a.contribution.id < b.contribution.id ? -1 : 1));
  }

  find<T>(kind: Kind<T>, id: string): Entry<T> {
    const shelf = this.#shelves.get(kind.kindName) ?? new Map<string, Entry<unknown>>();
    const known = resolveId(id, shelf.keys());
    const entry = known === undefined ? undefined : shelf.get(known);
    if (entry === undefined) throw unknownId(kind.kindName, id, shelf);
    if (entry.contribution.contract !== kind.contract) {
      throw new GymError(
        "CONTRACT_VERSION",
        `Cannot make ${kind.kindName} "${id}": plugin "${entry.plugin.name}" is written for version ${entry.contribution.contract} of the contract: wanted ${kind.contract}`,
        { kind: kind.kindName, id, wanted: kind.contract, received: entry.contribution.contract },
      );
    }
    return entry as Entry<T>;
  }

  async make<T>(first: Kind<T> | Contribution<T, unknown>, second?: unknown, third?: unknown): Promise<T> {
    if (typeof first !== "function") return await this.#create(first, ownerOf(this.plugins, first), second);
    const { contribution, plugin } = this.find(first, second as string);
    return await this.#create(contribution, plugin.name, third ?? {});
  }

  async #create<T>(item: Contribution<T, unknown>, plugin: string, options: unknown): Promise<T> {
    const parsed = parseOptions(item.options, options, `${item.kind} "${item.id}"`);
    try {
      // Sound: `parsed` is the output of the contribution's own schema.
      return await item.create(parsed as never, this);
    } catch (thrown) {
      if (isGymError(thrown)) throw thrown;
      throw new PluginError({ plugin, kind: item.kind, id: item.id, method: "create" }, thrown);
    }
  }
}

function ownerOf(plugins: readonly Plugin[], item: Contribution<unknown, unknown>): string {
  return plugins.find((plugin) => plugin.provides.some((own) => own === item))?.name ?? "(none)";
}

function unknownId(kind: string, id: string, shelf: ReadonlyMap<string, Entry<unknown>>): GymError {
  const near = hint(id, shelf.keys());
  const known = near === "" ? `: known are ${[...shelf.keys()].sort().join(", ") || "none"}` : near;
  return new GymError("UNKNOWN_ID", `Cannot make ${kind} "${id}": no such id${known}`, { kind, id });
}
