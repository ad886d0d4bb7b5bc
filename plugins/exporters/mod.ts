/**
 * Exporters: trajectories → rows of data sets for supervised fine-tuning, preference and group training.
 *
 * One invariant: every trajectory that was read is in a row or counted as skipped with a reason.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { dpoExporter } from "./dpo.ts";
import { grpoExporter } from "./grpo.ts";
import { knowlyrDpoExporter } from "./knowlyr_dpo.ts";
import { knowlyrGrpoExporter } from "./knowlyr_grpo.ts";
import { knowlyrRecorder } from "./knowlyr_recorder.ts";
import { knowlyrSftExporter } from "./knowlyr_sft.ts";
import { sftExporter } from "./sft.ts";

export { dpoExporter, type DpoOptions } from "./dpo.ts";
export { grpoExporter, type GrpoOptions } from "./grpo.ts";
export { knowlyrDpoExporter } from "./knowlyr_dpo.ts";
export { knowlyrGrpoExporter, type KnowlyrGrpoOptions } from "./knowlyr_grpo.ts";
export { knowlyrRecorder } from "./knowlyr_recorder.ts";
export { knowlyrSftExporter, type KnowlyrSftOptions } from "./knowlyr_sft.ts";
export { sftExporter, type SftOptions } from "./sft.ts";
export type { PairOptions, PairStrategy } from "./_pairs.ts";
export type { RenderOptions } from "./_render.ts";

const exporters: Plugin = definePlugin({
  name: "knowlyr/exporters",
  version: "0.1.0",
  provides: [
    sftExporter,
    dpoExporter,
    grpoExporter,
    knowlyrSftExporter,
    knowlyrDpoExporter,
    knowlyrGrpoExporter,
    knowlyrRecorder,
  ],
});

export default exporters;
