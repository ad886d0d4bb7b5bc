/**
 * The built-in domains: what the tools of each field mean, as plain data.
 *
 * Where agents in the field call one thing by several names, all of them are aliases of one tool; two tools share a
 * name only when a call of the one could stand for a call of the other with the same parameters.
 *
 * @module
 */
import { createDomain, type Domain, domain, type DomainProfile } from "../core/domain.ts";
import type { Contribution } from "../core/kind.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";
import { noOptions } from "../core/schema.ts";
import { advisory } from "./advisory.ts";
import { browser } from "./browser.ts";
import { coding } from "./coding.ts";
import { conversation } from "./conversation.ts";
import { crew } from "./crew.ts";
import { discussion } from "./discussion.ts";
import { engineering } from "./engineering.ts";
import { generic } from "./generic.ts";

export { advisory, browser, coding, conversation, crew, discussion, engineering, generic };
export { parseDomainProfile } from "../core/domain_profile.ts";

/** The built-in profiles. */
export const domainProfiles: readonly DomainProfile[] = Object.freeze([
  coding,
  browser,
  conversation,
  engineering,
  advisory,
  discussion,
  crew,
  generic,
]);

function contribution(profile: DomainProfile): Contribution<Domain, Record<string, never>> {
  return domain(`knowlyr/${profile.name}-v1`, {
    description: profile.description,
    options: noOptions,
    create: () => createDomain(profile),
  });
}

const domains: Plugin = definePlugin({
  name: "knowlyr/domains",
  version: "0.1.0",
  provides: domainProfiles.map(contribution),
});

export default domains;
