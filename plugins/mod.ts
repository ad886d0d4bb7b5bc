/**
 * The built-in plugins. A kernel treats them like any other.
 *
 * @module
 */
import type { Plugin } from "../core/plugin.ts";
import domains from "../domains/mod.ts";
import envs from "../envs/mod.ts";
import adapters from "./adapters/mod.ts";
import commands from "./commands/mod.ts";
import exporters from "./exporters/mod.ts";
import policies from "./policies/mod.ts";
import rubrics from "./rubrics/mod.ts";
import runtimes from "./runtimes/mod.ts";
import sinks from "./sinks/mod.ts";
import trainers from "./trainers/mod.ts";
import wrappers from "./wrappers/mod.ts";

/** All built-in plugins, in load order. */
export const builtins: readonly Plugin[] = Object.freeze([
  domains,
  runtimes,
  envs,
  wrappers,
  policies,
  rubrics,
  adapters,
  exporters,
  trainers,
  sinks,
  commands,
]);
