/**
 * Logs of OpenHands: events of V0 (JSON array, one a line, a folder, rows of an evaluation output) and of the SDK
 * (V1), told apart by their structure. Old and new places of every field are read.
 *
 * Left out: what frames the agent (state changes, recall, condensation), except for how the episode ended.
 *
 * @module
 */
import {
  type Adapter,
  adapter,
  type LogIssue,
  type LogSample,
  type LogSource,
  type ReadOptions,
} from "../../core/adapter.ts";
import { GymError } from "../../core/errors.ts";
import type { Contribution } from "../../core/kind.ts";
import { noOptions } from "../../core/schema.ts";
import type { Trajectory } from "../../core/trajectory.ts";
import { type Document, documents } from "./_documents.ts";
import { type Fields, isFields } from "./_fields.ts";
import { OpenHandsEpisode } from "./_openhands_episode.ts";
import { addV0Event, isV0Event, type Report } from "./_openhands_v0.ts";
import { addV1Event, addV1State, isV1Event, isV1State } from "./_openhands_v1.ts";

/** Logs of OpenHands, V0 and V1, as the agent and its evaluations write them. */
export const openhands: Contribution<Adapter> = adapter("knowlyr/openhands-v1", {
  description: "Logs of OpenHands: V0 and SDK events, as array, lines, folder or evaluation output",
  options: noOptions,
  create: () => ({ name: "openhands", detect, read }),
});

const V0_NAME =
  /"(?:action|observation)"\s*:\s*"(?:system|message|run|run_ipython|read|write|edit|browse|browse_interactive|call_tool_mcp|mcp|think|finish|recall|delegate|agent_state_changed|error|null|change_agent_state)"/;
const V1_KIND =
  /"kind"\s*:\s*"(?:SystemPromptEvent|MessageEvent|ActionEvent|ObservationEvent|AgentErrorEvent|ConversationStateUpdateEvent)"/;

// Quotes inside a JSON text are escaped, so these patterns match fields and never something quoted.
function detect({ head, files }: LogSample): number {
  if (V1_KIND.test(head)) return 0.95;
  if (V0_NAME.test(head) && /"(?:args|extras|cause)"\s*:/.test(head)) {
    return /"source"\s*:\s*"(?:agent|user|environment)"/.test(head) ? 0.95 : 0.7;
  }
  if (/"execution_status"\s*:/.test(head) && /"agent"\s*:/.test(head)) return 0.6;
  // The state of a conversation may be longer than the sample; its neighbours tell.
  if (files?.some((file) => /(?:^|\/)event-\d+[^/]*\.json$/.test(file))) return 0.6;
  const row = /"instance_id"\s*:/.test(head) && /"(?:test_result|git_patch)"\s*:/.test(head);
  return row && /"(?:instruction|agent_class|metadata)"\s*:/.test(head) ? 0.5 : 0;
}

async function* read(source: LogSource, options: ReadOptions = {}): AsyncIterable<Trajectory> {
  const log = new OpenHandsLog(source.name, options);
  if (source.files === null) yield* readFile(log, source, options);
  else yield* readFolder(log, source.files, options);
  yield* log.flush();
  if (log.found === 0) {
    throw new GymError(
      "INVALID_DATA",
      `Cannot read OpenHands log "${source.name}": wanted events with action, observation or kind, or rows with ` +
        `history: received ${log.received}`,
      { file: source.name },
    );
  }
}

async function* readFile(
  log: OpenHandsLog,
  source: LogSource,
  options: ReadOptions,
): AsyncIterable<Trajectory> {
  const { onIssue, signal } = options;
  for await (const batch of documents(source, { onIssue, signal, trim: withoutRepetition })) {
    for (const document of batch) {
      // Not `yield*`, which waits for every document that completes no trajectory.
      for (const trajectory of log.add(document, source.name)) yield trajectory;
    }
  }
}

/** Event files of one conversation follow each other; another folder is another conversation. */
async function* readFolder(
  log: OpenHandsLog,
  files: readonly LogSource[],
  options: ReadOptions,
): AsyncIterable<Trajectory> {
  let folder: string | null = null;
  for (const file of files) {
    // Files of `event_cache` repeat events that stand in files of their own.
    if (!/\.jsonl?$/.test(file.name) || /(?:^|\/)event_cache\//.test(file.name)) continue;
    const parent = file.name.replace(/(?:(?:^|\/)events)?(?:^|\/)[^/]*$/, "");
    if (folder !== null && folder !== parent) yield* log.flush();
    folder = parent;
    yield* readFile(log, file, options);
  }
}

/**
 * An observation repeats the model response of its action, often the larger part of the line; it is cut before
 * parsing. Quotes inside a JSON text are escaped, so both marks are fields.
 */
function withoutRepetition(line: string): string {
  if (line.length < 2000) return line;
  const start = line.indexOf('"model_response":');
  if (start < 0) return line;
  const observation = line.lastIndexOf('"observation":', start);
  if (observation < 0 || line.lastIndexOf('"action":', start) >= 0) return line;
  const end = line.indexOf('"total_calls_in_response":', start);
  return end < 0 || line.indexOf('"model_response":', start + 1) >= 0
    ? line
    : line.slice(0, start) + line.slice(end);
}

/** Sorts documents into episodes. */
class OpenHandsLog {
  /** Documents that were understood. */
  found = 0;
  /** What came instead, for the message. */
  received = "nothing";
  readonly #file: string;
  readonly #options: ReadOptions;
  #episode = new OpenHandsEpisode();
  #lastId = -1;

  constructor(file: string, options: ReadOptions) {
    this.#file = file;
    this.#options = options;
  }

  *add({ value, line }: Document, file: string): Iterable<Trajectory> {
    const report: Report = (what, detail) => this.#options.onIssue?.(place({ what, detail, file }, line));
    if (isRow(value)) yield* this.#addRow(value, file, report);
    else if (isV1State(value)) addV1State(this.#episode, value);
    else if (Array.isArray(value) && value.some(isEvent)) {
      for (const event of value) yield* this.#addEvent(event, report);
    } else if (isEvent(value)) yield* this.#addEvent(value, report);
    else {
      if (this.received === "nothing") this.received = describe(value);
      report("unknown document", describe(value));
    }
  }

  *#addEvent(event: unknown, report: Report): Iterable<Trajectory> {
    if (isV0Event(event)) {
      const id = event["id"];
      // Ids of an episode rise; when they begin again, so does the next episode of a joined log.
      if (id === 0 && this.#lastId > 0) yield* this.flush();
      if (typeof id === "number") this.#lastId = id;
    }
    this.found++;
    addEvent(this.#episode, event, report);
  }

  *#addRow(row: Fields, file: string, report: Report): Iterable<Trajectory> {
    yield* this.flush();
    this.found++;
    const episode = new OpenHandsEpisode();
    // Older outputs pair action and observation in lists of two.
    for (const event of eventsOf(row).flat()) {
      if (isEvent(event)) addEvent(episode, event, report);
      else report("unknown document", describe(event));
    }
    yield episode.finish(row, file, this.#options);
  }

  /** The episode so far, if there is one. */
  *flush(): Iterable<Trajectory> {
    const episode = this.#episode;
    this.#episode = new OpenHandsEpisode();
    this.#lastId = -1;
    if (episode.events > 0) yield episode.finish({}, this.#file, this.#options);
  }
}

function isEvent(value: unknown): value is Fields {
  return isV1Event(value) || isV0Event(value);
}

function addEvent(episode: OpenHandsEpisode, event: unknown, report: Report): void {
  if (isV1Event(event)) addV1Event(episode, event, report);
  else if (isV0Event(event)) addV0Event(episode, event, report);
}

/** A row of an evaluation output, or a saved conversation: an object that holds the events. */
function isRow(value: unknown): value is Fields {
  if (!isFields(value) || isEvent(value)) return false;
  const events = eventsOf(value);
  return events.flat().some(isEvent) ||
    (typeof value["instance_id"] === "string" && isFields(value["test_result"]));
}

function eventsOf(row: Fields): readonly unknown[] {
  const events = row["history"] ?? row["trajectory"] ?? row["events"];
  return Array.isArray(events) ? events : [];
}

function place(issue: LogIssue, line: number | null): LogIssue {
  return line === null ? issue : { ...issue, line };
}

function describe(value: unknown): string {
  if (!isFields(value)) {
    return Array.isArray(value) ? "an array" : JSON.stringify(value)?.slice(0, 60) ?? typeof value;
  }
  return `an object with ${Object.keys(value).slice(0, 6).join(", ") || "no fields"}`;
}
