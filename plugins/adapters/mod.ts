/**
 * Adapters: logs of foreign agents and of earlier versions → trajectories. Each recognises its log by structure,
 * counts what it had to drop, and says null where a log says nothing.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { gymTrajectory } from "./gym_trajectory.ts";
import { knowlyr } from "./knowlyr.ts";
import { openhands } from "./openhands.ts";
import { sweAgent } from "./swe_agent.ts";

export { gymTrajectory, knowlyr, openhands, sweAgent };

/** The adapters that come with the library. */
const adapters: Plugin = definePlugin({
  name: "knowlyr/adapters",
  version: "0.1.0",
  provides: [gymTrajectory, knowlyr, openhands, sweAgent],
});

export default adapters;
