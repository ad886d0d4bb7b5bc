/**
 * Support-ticket triage as a plugin of its own: a domain, an environment and a rubric.
 *
 * @module
 */
import { definePlugin, type Plugin } from "@knowlyr/gym";
import { supportDomain } from "./domain.ts";
import { supportDesk } from "./env.ts";
import { decisive } from "./rubric.ts";

export { supportDomain } from "./domain.ts";
export { supportDesk, type SupportDeskOptions } from "./env.ts";
export { decisive } from "./rubric.ts";

/** The plugin. */
const plugin: Plugin = definePlugin({
  name: "acme/support-desk",
  version: "0.1.0",
  provides: [supportDomain, supportDesk, decisive],
});

export default plugin;
