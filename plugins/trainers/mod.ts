/**
 * Trainers on ONNX Runtime.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { evaluateModel } from "./commands/evaluate.ts";
import { trainDpo } from "./commands/dpo.ts";
import { trainGrpo } from "./commands/grpo.ts";
import { onlineCommand } from "./commands/online.ts";
import { trainInspect } from "./commands/inspect.ts";
import { trainResume } from "./commands/resume.ts";
import { trainSft } from "./commands/sft.ts";
import { dpoTrainer } from "./dpo.ts";
import { grpoTrainer } from "./grpo.ts";
import { onlineTrainer } from "./online.ts";
import { sftTrainer } from "./sft.ts";

export { dpoTrainer, type DpoTrainerOptions, type PreferenceOptions } from "./dpo.ts";
export {
  type GrpoBatchOptions,
  type GrpoObjectiveOptions,
  grpoTrainer,
  type GrpoTrainerOptions,
} from "./grpo.ts";
export type * from "./options.ts";
export {
  type OnlineActingOptions,
  type OnlineGateOptions,
  type OnlineSelectionOptions,
  onlineTrainer,
  type OnlineTrainerOptions,
} from "./online.ts";
export { sftTrainer, type SftTrainerOptions } from "./sft.ts";

/** The plugin. */
const trainers: Plugin = definePlugin({
  name: "knowlyr/trainers",
  version: "0.1.0",
  provides: [
    trainSft,
    trainDpo,
    trainGrpo,
    trainResume,
    trainInspect,
    evaluateModel,
    sftTrainer,
    dpoTrainer,
    grpoTrainer,
    onlineTrainer,
    onlineCommand,
  ],
});

export default trainers;
