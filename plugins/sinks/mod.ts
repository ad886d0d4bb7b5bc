/**
 * Sinks: what becomes of the events of training. Each is a contribution for a kernel, on the real clock and outlet, and
 * behind it a class that takes both as arguments.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { jsonlSink } from "./jsonl.ts";
import { opentelemetrySink } from "./opentelemetry.ts";
import { progressSink } from "./progress.ts";
import { tensorboardSink } from "./tensorboard.ts";

export * from "./jsonl.ts";
export { opentelemetrySink, type OpentelemetrySinkOptions } from "./opentelemetry.ts";
export * from "./progress.ts";
export * from "./tensorboard.ts";

/** The plugin. */
const sinks: Plugin = definePlugin({
  name: "knowlyr/sinks",
  version: "0.1.0",
  provides: [jsonlSink, tensorboardSink, opentelemetrySink, progressSink],
});

export default sinks;
