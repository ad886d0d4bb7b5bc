/**
 * Environments: the built-in places where an agent can act.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../core/plugin.ts";
import { sandbox } from "./sandbox/sandbox.ts";

export { sandbox, type SandboxOptions } from "./sandbox/sandbox.ts";

/** The built-in environments. */
const envs: Plugin = definePlugin({ name: "knowlyr/envs", version: "0.1.0", provides: [sandbox] });

export default envs;
