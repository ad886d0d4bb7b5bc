/**
 * Models, the leaf: folders as Hugging Face lays them out, adapters as PEFT does, new ones from a seed, others from the
 * hub. No plugin.
 *
 * @module
 */
export { readJson } from "./_fields.ts";
export { type ModelConfig, type ModelFamily, parseModelConfig, type RopeScaling } from "./config.ts";
export {
  checkTokenizerFits,
  expectedTensors,
  type ModelContents,
  type ModelFolder,
  openModelFolder,
  parameterCount,
  type WeightType,
  writeModelFolder,
} from "./folder.ts";
export {
  type Adapter,
  type AdapterContents,
  type AdapterModule,
  adapterScale,
  type AdapterSettings,
  checkAdapterFits,
  readAdapter,
  writeAdapter,
} from "./peft.ts";
export { mergeAdapter, type MergeOptions, weightTypeOf } from "./merge.ts";
export { type ExportedModel, exportOnnx, type ExportOptions, type ExportType } from "./export.ts";
export {
  type ChatTemplateName,
  initModel,
  type InitOptions,
  MODEL_SIZES,
  type ModelSize,
  type ModelSizeName,
} from "./init.ts";
export {
  type DownloadedModel,
  downloadModel,
  type DownloadOptions,
  type DownloadProgress,
  type Fetch,
  isModelFile,
} from "./hub.ts";
