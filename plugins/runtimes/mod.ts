/**
 * Runtimes: where the tools of an environment run. Everything an agent does to files and programs goes through one.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { memoryBash } from "./memory_bash.ts";

export { memoryBash, type MemoryBashOptions } from "./memory_bash.ts";

/** The built-in runtimes. */
const runtimes: Plugin = definePlugin({
  name: "knowlyr/runtimes",
  version: "0.1.0",
  provides: [memoryBash],
});

export default runtimes;
