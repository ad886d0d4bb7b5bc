/**
 * Environments: the built-in places where an agent can act, and scripted agents of the puzzles.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../core/plugin.ts";
import { lookup } from "./puzzles/lookup.ts";
import { lookupGuesser, lookupSolver } from "./puzzles/lookup_policies.ts";
import { logicPuzzle } from "./puzzles/logic.ts";
import { logicGuesser, logicSolver } from "./puzzles/logic_policies.ts";
import { memoryBuffer } from "./puzzles/memory.ts";
import { memoryGuesser, memorySolver } from "./puzzles/memory_policies.ts";
import { metaReasoning } from "./puzzles/meta.ts";
import { metaGuesser, metaSolver } from "./puzzles/meta_policies.ts";
import { sandbox } from "./sandbox/sandbox.ts";

export { lookup, type LookupOptions } from "./puzzles/lookup.ts";
export {
  lookupGuesser,
  type LookupGuesserOptions,
  lookupSolver,
  type LookupSolverOptions,
} from "./puzzles/lookup_policies.ts";
export { type LogicOptions, logicPuzzle } from "./puzzles/logic.ts";
export { logicGuesser, logicSolver } from "./puzzles/logic_policies.ts";
export { memoryBuffer, type MemoryOptions } from "./puzzles/memory.ts";
export { memoryGuesser, memorySolver } from "./puzzles/memory_policies.ts";
export { type MetaOptions, metaReasoning } from "./puzzles/meta.ts";
export { metaGuesser, metaSolver } from "./puzzles/meta_policies.ts";
export { parseTaskTemplates } from "./puzzles/templates.ts";
export { type PuzzleOptions } from "./puzzles/puzzle.ts";
export { sandbox, type SandboxOptions } from "./sandbox/sandbox.ts";

/** The built-in environments. */
const envs: Plugin = definePlugin({
  name: "knowlyr/envs",
  version: "0.1.0",
  provides: [
    sandbox,
    lookup,
    lookupSolver,
    lookupGuesser,
    logicPuzzle,
    logicSolver,
    logicGuesser,
    memoryBuffer,
    memorySolver,
    memoryGuesser,
    metaReasoning,
    metaSolver,
    metaGuesser,
  ],
});

export default envs;
