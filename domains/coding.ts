/**
 * The `coding` domain as data.
 *
 * @module
 */
import type { DomainProfile } from "../core/domain.ts";

const FILE = ["file_path", "path", "file", "filename", "file_name", "notebook_path"] as const;
const FOLDER = ["path", "dir", "directory", "folder", "file_name", "file"] as const;

/** Agents that work on code, through the names of the built-in sandbox and of agents in the field. */
export const coding: DomainProfile = {
  name: "coding",
  title: "Coding agent",
  description: "Reads, changes and runs code in a workspace until the tests pass",
  tools: [
    {
      name: "read_file",
      category: "read",
      key: FILE,
      aliases: ["file_read", "Read", "cat", "view", "view_file", "open", "open_file", "read", "NotebookRead"],
    },
    {
      name: "write_file",
      category: "write",
      key: FILE,
      aliases: ["file_write", "Write", "create", "create_file", "write", "save_file"],
    },
    {
      name: "edit_file",
      category: "write",
      key: FILE,
      aliases: [
        "file_edit",
        "Edit",
        "edit",
        "sed",
        "MultiEdit",
        "str_replace",
        "insert",
        "replace",
        "NotebookEdit",
      ],
    },
    { name: "apply_patch", category: "write", key: FILE, aliases: ["patch"] },
    { name: "delete_file", category: "write", key: FILE, aliases: ["rm", "remove_file"] },
    {
      name: "str_replace_editor",
      category: "write",
      categoryBy: {
        param: "command",
        values: { view: "read", create: "write", str_replace: "write", insert: "write", undo_edit: "write" },
      },
      key: FILE,
      aliases: [
        "str_replace_based_edit_tool",
        "str_replace_based_edit",
        "file_editor",
        "text_editor",
        "edit_anthropic",
      ],
    },
    { name: "goto", category: "navigate", key: ["line_number", "line"], aliases: ["goto_line"] },
    { name: "scroll_up", category: "navigate" },
    { name: "scroll_down", category: "navigate" },
    {
      name: "list_dir",
      category: "search",
      key: FOLDER,
      aliases: ["ls", "LS", "list_files", "list_directory"],
    },
    {
      name: "search",
      category: "search",
      key: FOLDER,
      aliases: ["grep", "Grep", "ripgrep", "rg", "grep_search", "search_files", "codebase_search"],
    },
    { name: "search_dir", category: "search", key: FOLDER },
    { name: "search_file", category: "search", key: FOLDER },
    {
      name: "find_file",
      category: "search",
      key: FOLDER,
      aliases: ["find", "find_files", "Glob", "glob", "file_search"],
    },
    {
      name: "bash",
      category: "execute",
      aliases: [
        "Bash",
        "shell",
        "run",
        "execute_bash",
        "sh",
        "terminal",
        "run_command",
        "execute_command",
        "run_shell_command",
        "run_terminal_cmd",
        "cmd_run",
      ],
    },
    { name: "git", category: "execute" },
    { name: "git_diff", category: "read" },
    { name: "git_log", category: "read" },
    { name: "git_status", category: "read" },
    { name: "run_tests", category: "execute", aliases: ["test", "pytest"] },
    {
      name: "ipython",
      category: "execute",
      aliases: ["run_ipython", "execute_ipython_cell", "python", "jupyter"],
    },
    {
      name: "browse_url",
      category: "read",
      key: ["url"],
      aliases: ["browse", "web_fetch", "WebFetch", "fetch", "web_read"],
    },
    { name: "browse_interactive", category: "navigate", key: ["url"], aliases: ["browser"] },
    { name: "web_search", category: "search", aliases: ["WebSearch"] },
    { name: "delegate", category: "execute", aliases: ["Task", "task", "delegate_to_agent"] },
    { name: "respond", category: "communicate", aliases: ["message", "reply", "ask_user"] },
    { name: "think", category: "think", aliases: ["Think", "TodoWrite", "task_tracker"] },
    { name: "submit", category: "submit", terminal: true },
    {
      name: "finish",
      category: "submit",
      terminal: true,
      aliases: ["exit", "done", "complete", "reject", "exit_forfeit"],
    },
  ],
  outcome: ["score", "tests", "success"],
  taskFields: {
    repo: "Repository the task is about",
    baseCommit: "Commit that the work starts from",
    testCommand: "Command that tells whether the task is solved",
    language: "Programming language",
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
