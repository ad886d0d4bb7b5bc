/**
 * The `advisory` domain as data.
 *
 * @module
 */
import type { DomainProfile } from "../core/domain.ts";

/** Agents that weigh a decision and recommend. */
export const advisory: DomainProfile = {
  name: "advisory",
  title: "Advisory agent",
  description: "Gathers evidence, weighs it and recommends a decision",
  tools: [
    { name: "respond", category: "communicate", aliases: ["reply", "answer"] },
    {
      name: "knowledge_base",
      category: "read",
      key: ["query", "topic"],
      aliases: ["kb", "docs", "research"],
    },
    { name: "web_search", category: "search", aliases: ["search", "browse"] },
    { name: "create_note", category: "write", aliases: ["note", "memo"] },
    { name: "think", category: "think" },
    { name: "submit", category: "submit", terminal: true },
    { name: "finish", category: "submit", terminal: true },
  ],
  outcome: ["score", "success"],
  taskFields: { context: "The situation", domain: "Field of the decision" },
  rubricWeights: {
    analysis_depth: 0.2,
    recommendation_quality: 0.2,
    evidence_based: 0.2,
    risk_awareness: 0.15,
    stakeholder_consideration: 0.1,
    non_redundancy: 0.1,
    loops: 0.05,
  },
};
