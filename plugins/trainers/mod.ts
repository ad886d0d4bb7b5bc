/**
 * Trainers on ONNX Runtime.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { evaluateModel } from "./commands/evaluate.ts";
import { trainInspect } from "./commands/inspect.ts";
import { trainResume } from "./commands/resume.ts";
import { trainSft } from "./commands/sft.ts";
import { sftTrainer } from "./sft.ts";

export type * from "./options.ts";
export { sftTrainer, type SftTrainerOptions } from "./sft.ts";

/** The plugin. */
const trainers: Plugin = definePlugin({
  name: "knowlyr/trainers",
  version: "0.1.0",
  provides: [trainSft, trainResume, trainInspect, evaluateModel, sftTrainer],
});

export default trainers;
