/**
 * The work of {@linkcode onnxModelPolicy}; apart, so that runtime and tokenizers load only when a model acts.
 *
 * @module
 */
import { basename } from "node:path";
import type { Policy } from "../../core/policy.ts";
import { ActingModel } from "../models/generation/acting_model.ts";
import { acquireModel, releaseModel } from "./_shared_model.ts";
import type { OnnxModelSettings } from "./onnx_model.ts";

/** Opens the model, or joins those who use it. */
export async function createOnnxModel(settings: OnnxModelSettings): Promise<Policy> {
  const shared = await acquireModel(settings);
  const acting = new ActingModel(shared, settings, basename(settings.adapter ?? settings.model));
  let released = false;
  return Object.assign(acting, {
    [Symbol.asyncDispose]: async () => {
      if (released) return;
      released = true;
      acting.reset(); // lets go of what it kept
      await releaseModel(settings);
    },
  });
}
