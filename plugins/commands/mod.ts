/**
 * Commands: one file a verb. Each is a CLI command; what runs it is up to the program.
 *
 * @module
 */
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { act } from "./act.ts";
import { chat } from "./chat.ts";
import { collect } from "./collect.ts";
import { compare } from "./compare.ts";
import { convert } from "./convert.ts";
import { domainList, domainShow } from "./domain.ts";
import { envCheck, envList, envShow } from "./env.ts";
import { evaluate } from "./evaluate.ts";
import { exportRows } from "./export.ts";
import { modelExport, modelGet, modelInfo, modelInit, modelMerge } from "./model.ts";
import { pluginCheck, pluginList, pluginNew, pluginShow } from "./plugin.ts";
import { run } from "./run.ts";
import { score } from "./score.ts";
import { servePolicy } from "./serve.ts";
import { validate } from "./validate.ts";

/** The built-in commands. */
const commands: Plugin = definePlugin({
  name: "knowlyr/commands",
  version: "0.1.0",
  provides: [
    convert,
    validate,
    score,
    exportRows,
    collect,
    act,
    chat,
    servePolicy,
    run,
    evaluate,
    compare,
    envList,
    envShow,
    envCheck,
    domainList,
    domainShow,
    modelInit,
    modelGet,
    modelInfo,
    modelMerge,
    modelExport,
    pluginList,
    pluginShow,
    pluginCheck,
    pluginNew,
  ],
});

export default commands;
