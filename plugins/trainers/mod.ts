/**
 * Trainers on ONNX Runtime.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { trainSft } from "./commands/sft.ts";
import { sftTrainer } from "./sft.ts";

export { sftTrainer, type SftTrainerOptions } from "./sft.ts";

/** The plugin. */
const trainers: Plugin = definePlugin({
  name: "knowlyr/trainers",
  version: "0.1.0",
  provides: [trainSft, sftTrainer],
});

export default trainers;
