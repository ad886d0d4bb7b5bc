/**
 * The `conversation` domain as data.
 *
 * @module
 */
import type { DomainProfile } from "../core/domain.ts";

/** Agents that talk with a person and look things up for them. */
export const conversation: DomainProfile = {
  name: "conversation",
  title: "Conversation agent",
  description: "Answers a person, looking up what it needs first",
  tools: [
    { name: "respond", category: "communicate", terminal: true, aliases: ["reply", "answer"] },
    { name: "query_stats", category: "read", aliases: ["query", "lookup", "get_stats"] },
    { name: "send_message", category: "communicate", aliases: ["message", "notify"] },
    { name: "delegate", category: "execute", aliases: ["assign", "dispatch"] },
    { name: "web_search", category: "search", aliases: ["search", "browse"] },
    { name: "create_note", category: "write", aliases: ["note", "memo"] },
    { name: "think", category: "think" },
    { name: "submit", category: "submit", terminal: true },
    { name: "finish", category: "submit", terminal: true },
  ],
  outcome: ["score", "success"],
  taskFields: {
    context: "What the agent may take as given",
    role: "Who the agent speaks as",
    style: "How it should sound",
  },
  rubricWeights: {
    relevance: 0.25,
    completeness: 0.2,
    clarity: 0.2,
    actionability: 0.1,
    tone_fit: 0.1,
    non_redundancy: 0.1,
    loops: 0.05,
  },
};
