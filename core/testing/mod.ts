/**
 * Conformance kits: what must be true of a plugin, an environment, a wrapper … whoever wrote it. A kit returns a
 * {@linkcode Report}; {@linkcode assertConforms} turns failures into one error. Kits know the contracts only.
 *
 * @module
 */
export { assertConforms, type Check, type Report } from "./report.ts";
export { checkAdapter, type CheckAdapterOptions } from "./check_adapter.ts";
export { checkEnv, type CheckEnvOptions } from "./check_env.ts";
export { checkExporter, type CheckExporterOptions } from "./check_exporter.ts";
export { checkPlugin } from "./check_plugin.ts";
export { checkRubric, type CheckRubricOptions } from "./check_rubric.ts";
export { checkSink, type CheckSinkOptions, sampleEvents } from "./check_sink.ts";
export { checkTrainer, type CheckTrainerOptions } from "./check_trainer.ts";
export { checkWrapper, type CheckWrapperOptions } from "./check_wrapper.ts";
export { sampleTrajectories, textSource } from "./samples.ts";
