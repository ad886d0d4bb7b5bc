/**
 * From rows of a data set to the planned batches of a whole run: read, encode, weight, cut, order, pack, lay out. Pure
 * functions; same rows, options and seed, same batches.
 */
export { type Batch, batchOf, type BatchOptions } from "./batch.ts";
export { type ChunkOptions } from "./chunk.ts";
export { type MessageCodec, type TextTokenizer } from "./codec.ts";
export { competence, type CurriculumOptions, difficulties, type DifficultyWeights } from "./curriculum.ts";
export { type EncodedRow, type EncodeOptions, encodeRow, type SkipReason } from "./encode.ts";
export { type EncodedData, type EncodeReport, encodeRows } from "./encode_rows.ts";
export {
  type RoleShare,
  roleShares,
  roleSharesText,
  runsOf,
  sequenceJson,
  sequenceText,
  type SequenceTextOptions,
  type TokenReader,
  type TokenRun,
} from "./inspect.ts";
export { cutAt, type MarkedTokens, type TrainOn } from "./mark.ts";
export { packFirstFit } from "./pack.ts";
export {
  type MicroBatch,
  type Plan,
  planItems,
  type PlannedEpoch,
  type PlannedItem,
  type PlannedStep,
  type PlanOptions,
  planRun,
} from "./plan.ts";
export { readPreferenceRow } from "./rows/continuation.ts";
export { readJudgedRow } from "./rows/judged.ts";
export { readRow, readRows } from "./rows/read.ts";
export type {
  ConversationRow,
  JudgedRow,
  PlainRow,
  PlainSegment,
  PreferenceRow,
  ReadRowOptions,
  Row,
  RowPosition,
} from "./rows/row.ts";
export {
  digestOf,
  ROLES,
  type RowFeatures,
  type Sequence,
  type TokenRole,
  trainedTokens,
  weightOf,
} from "./sequence.ts";
export { type Split, splitByGroup, type SplitOptions } from "./split.ts";
export { type StepWeightOptions, type StepWeights, stepWeights } from "./step_weights.ts";
