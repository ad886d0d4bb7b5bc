/**
 * The `browser` domain as data.
 *
 * @module
 */
import type { DomainProfile } from "../core/domain.ts";

const ELEMENT = ["element_id", "bid", "selector", "ref", "coordinate"] as const;

/** Agents that use web pages. */
export const browser: DomainProfile = {
  name: "browser",
  title: "Browser agent",
  description: "Finds its way through web pages and fills in what the task asks for",
  tools: [
    { name: "click", category: "navigate", key: ELEMENT, aliases: ["tap", "left_click"] },
    { name: "double_click", category: "navigate", key: ELEMENT, aliases: ["dblclick"] },
    { name: "hover", category: "navigate", key: ELEMENT },
    { name: "press", category: "navigate", key: ELEMENT, aliases: ["press_key", "key", "keyboard_press"] },
    { name: "type_text", category: "write", key: ELEMENT, aliases: ["type", "fill", "input"] },
    { name: "select", category: "write", key: ELEMENT, aliases: ["select_option"] },
    { name: "upload_file", category: "write", key: ELEMENT },
    {
      name: "navigate",
      category: "navigate",
      key: ["url"],
      aliases: ["goto", "open_url", "browse_url", "visit"],
    },
    { name: "go_back", category: "navigate", aliases: ["back"] },
    { name: "go_forward", category: "navigate", aliases: ["forward"] },
    { name: "reload", category: "navigate", aliases: ["refresh"] },
    { name: "new_tab", category: "navigate" },
    { name: "tab_focus", category: "navigate", key: ["index"] },
    { name: "tab_close", category: "navigate" },
    { name: "scroll", category: "navigate" },
    { name: "scroll_up", category: "navigate" },
    { name: "scroll_down", category: "navigate" },
    { name: "screenshot", category: "read", aliases: ["snapshot"] },
    { name: "extract_text", category: "read", key: ELEMENT, aliases: ["get_text", "read_page"] },
    { name: "find_text", category: "search" },
    {
      name: "wait",
      category: "think",
      aliases: ["noop"],
      description: "Lets time pass; waiting again is no repetition",
    },
    { name: "respond", category: "communicate", aliases: ["send_msg_to_user", "message"] },
    { name: "think", category: "think" },
    { name: "submit", category: "submit", terminal: true },
    {
      name: "finish",
      category: "submit",
      terminal: true,
      aliases: ["done", "stop", "answer", "report_infeasible"],
    },
  ],
  outcome: ["score", "success"],
  taskFields: { url: "Page the task starts on", expected_result: "What must be true at the end" },
  rubricWeights: {
    goal_progress: 0.25,
    tool_choice: 0.15,
    param_correctness: 0.15,
    info_utilization: 0.1,
    non_redundancy: 0.15,
    loops: 0.1,
    repeated_failure: 0.1,
  },
};
