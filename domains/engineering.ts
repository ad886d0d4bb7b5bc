/**
 * The `engineering` domain as data.
 *
 * @module
 */
import type { DomainProfile } from "../core/domain.ts";

const FILE = ["file_path", "path", "file"] as const;

/** Agents that examine code and systems and report; they change nothing. */
export const engineering: DomainProfile = {
  name: "engineering",
  title: "Engineering agent",
  description: "Examines code and systems and reports what it finds",
  tools: [
    { name: "read_file", category: "read", key: FILE, aliases: ["file_read", "cat", "Read"] },
    { name: "list_dir", category: "search", key: ["path", "dir"], aliases: ["ls"] },
    { name: "grep", category: "search", key: ["path", "dir"], aliases: ["search", "Grep"] },
    { name: "find", category: "search", key: ["path", "dir"], aliases: ["glob", "Glob"] },
    { name: "git", category: "execute" },
    { name: "git_diff", category: "read" },
    { name: "git_log", category: "read" },
    { name: "knowledge_base", category: "read", key: ["query", "topic"], aliases: ["kb", "docs"] },
    { name: "bash", category: "execute", aliases: ["shell", "run", "Bash", "execute_bash"] },
    { name: "run_tests", category: "execute" },
    { name: "think", category: "think" },
    { name: "submit", category: "submit", terminal: true },
    { name: "finish", category: "submit", terminal: true },
  ],
  outcome: ["score", "success"],
  taskFields: { target: "What is examined", focus: "What to look for" },
  rubricWeights: {
    technical_accuracy: 0.25,
    tool_usage: 0.2,
    thoroughness: 0.2,
    info_utilization: 0.1,
    non_redundancy: 0.15,
    loops: 0.05,
    repeated_failure: 0.05,
  },
};
