/**
 * Checkpoints: folders that are whole or not there, and the state of a run in them.
 *
 * @module
 */
export {
  type Checkpoint,
  type CheckpointOptions,
  CheckpointStore,
  LATEST_FILE,
  type SaveOptions,
} from "./store.ts";
export { readState, readVectors, STATE_FILE, type TrainState, writeState, writeVectors } from "./state.ts";
