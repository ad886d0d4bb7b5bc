/**
 * Policies: what acts: scripts, chance, a local model, a model behind a service.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { anthropicPolicy } from "./chat_client/anthropic.ts";
import { openAiPolicy } from "./chat_client/openai.ts";
import { clumsyPolicy } from "./clumsy.ts";
import { expertPolicy } from "./expert.ts";
import { onnxModelPolicy } from "./onnx_model.ts";
import { randomPolicy } from "./random.ts";
import { scriptedPolicy } from "./scripted.ts";
import { transformersPolicy } from "./transformers.ts";

export { type LocalActingOptions } from "./_acting_fields.ts";
export { type ScriptedAction } from "./_script.ts";
export { type ChatClientOptions } from "./chat_client/_options.ts";
export { type AnthropicOptions, anthropicPolicy } from "./chat_client/anthropic.ts";
export { type OpenAiOptions, openAiPolicy } from "./chat_client/openai.ts";
export * from "./clumsy.ts";
export * from "./expert.ts";
export { type OnnxModelOptions, onnxModelPolicy } from "./onnx_model.ts";
export * from "./random.ts";
export * from "./scripted.ts";
export { type TransformersOptions, transformersPolicy } from "./transformers.ts";

/** The plugin. */
const policies: Plugin = definePlugin({
  name: "knowlyr/policies",
  version: "0.1.0",
  provides: [
    scriptedPolicy,
    expertPolicy,
    clumsyPolicy,
    randomPolicy,
    onnxModelPolicy,
    transformersPolicy,
    openAiPolicy,
    anthropicPolicy,
  ],
});

export default policies;
