/**
 * The `discussion` domain as data.
 *
 * @module
 */
import type { DomainProfile } from "../core/domain.ts";

/** Agents that take part in a discussion. */
export const discussion: DomainProfile = {
  name: "discussion",
  title: "Discussion agent",
  description: "Contributes to a discussion with substance and in good form",
  tools: [
    { name: "respond", category: "communicate", terminal: true, aliases: ["reply", "contribute"] },
    { name: "knowledge_base", category: "read", key: ["query", "topic"], aliases: ["kb", "reference"] },
    { name: "think", category: "think" },
    { name: "submit", category: "submit", terminal: true },
    { name: "finish", category: "submit", terminal: true },
  ],
  outcome: ["score", "success"],
  taskFields: { topic: "What is discussed", participants: "Who takes part" },
  rubricWeights: {
    substantive_contribution: 0.25,
    engagement_quality: 0.2,
    professional_depth: 0.2,
    constructive_challenge: 0.1,
    actionability: 0.1,
    non_redundancy: 0.1,
    loops: 0.05,
  },
};
