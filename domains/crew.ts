/**
 * The `crew` domain as data.
 *
 * @module
 */
import type { DomainProfile } from "../core/domain.ts";

const FILE = ["file_path", "path", "file", "name"] as const;

/** Agents that are one employee of a crew: they take notes, look things up and hand work on. */
export const crew: DomainProfile = {
  name: "crew",
  title: "Crew agent",
  description: "Plays one role in a crew, with notes, a shell and the web, and hands work on",
  tools: [
    { name: "respond", category: "communicate", aliases: ["reply", "answer"] },
    { name: "read_notes", category: "read", key: FILE, aliases: ["read_file", "Read"] },
    { name: "write_notes", category: "write", key: FILE, aliases: ["write_file", "Write"] },
    { name: "edit_notes", category: "write", key: FILE, aliases: ["edit_file", "Edit"] },
    { name: "web_search", category: "search", aliases: ["search", "browse", "WebSearch"] },
    { name: "web_fetch", category: "read", key: ["url"], aliases: ["fetch", "WebFetch"] },
    { name: "search_notes", category: "search", key: ["path", "dir"], aliases: ["Grep", "Glob", "grep"] },
    { name: "bash", category: "execute", aliases: ["Bash", "shell", "run"] },
    { name: "delegate", category: "execute", aliases: ["assign", "dispatch", "pull"] },
    { name: "think", category: "think" },
    { name: "submit", category: "submit", terminal: true },
    { name: "finish", category: "submit", terminal: true },
  ],
  outcome: ["score", "success"],
  taskFields: {
    employee: "Name of the employee",
    role: "What the employee is responsible for",
    context: "What the employee may take as given",
  },
  rubricWeights: {
    goal_progress: 0.25,
    tool_choice: 0.15,
    param_correctness: 0.15,
    info_utilization: 0.1,
    non_redundancy: 0.15,
    regression: 0.1,
    loops: 0.05,
    repeated_failure: 0.05,
  },
};
