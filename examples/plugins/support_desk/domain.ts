import {
  type Contribution,
  createDomain,
  type Domain,
  domain,
  type DomainProfile,
  noOptions,
} from "@knowlyr/gym";

const profile: DomainProfile = {
  name: "support",
  title: "Support desk",
  description: "Reading tickets and routing each to the team that can solve it",
  tools: [
    { name: "read_ticket", category: "read", key: ["id"], aliases: ["open_ticket"] },
    { name: "route", category: "write", key: ["id"] },
    { name: "close_shift", category: "submit", terminal: true },
  ],
  outcome: ["score", "success"],
  taskFields: { tickets: "How many tickets wait" },
  rubricWeights: { non_redundancy: 0.4, decisive: 0.6 },
};

/** What the tools of a support desk mean. */
export const supportDomain: Contribution<Domain, Record<string, never>> = domain("acme/support-v1", {
  description: profile.description,
  options: noOptions,
  create: () => createDomain(profile),
});
