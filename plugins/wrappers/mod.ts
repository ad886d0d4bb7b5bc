/**
 * Wrappers: what can be put around any environment. Each is a function for code and a contribution for a kernel; a
 * stack of them describes itself in `env.spec`. A synchronous environment stays synchronous inside them.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { maxStepsWrapper } from "./max_steps.ts";
import { orderWrapper } from "./order.ts";
import { recordWrapper } from "./record.ts";
import { rewardWrapper } from "./reward.ts";
import { statisticsWrapper } from "./statistics.ts";
import { timeoutWrapper } from "./timeout.ts";
import { truncateObservationWrapper } from "./truncate_observation.ts";

export * from "./max_steps.ts";
export * from "./order.ts";
export * from "./record.ts";
export * from "./reward.ts";
export * from "./statistics.ts";
export * from "./timeout.ts";
export * from "./truncate_observation.ts";

/** The plugin. */
const wrappers: Plugin = definePlugin({
  name: "knowlyr/wrappers",
  version: "0.1.0",
  provides: [
    maxStepsWrapper,
    timeoutWrapper,
    rewardWrapper,
    recordWrapper,
    statisticsWrapper,
    truncateObservationWrapper,
    orderWrapper,
  ],
});

export default wrappers;
