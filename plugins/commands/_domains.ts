/**
 * A domain as the command line names it: a short name, an id, or a profile in a JSON file.
 *
 * @module
 */
import { resolve } from "node:path";
import type { CommandContext } from "../../core/command.ts";
import { createDomain, type Domain, findDomain } from "../../core/domain.ts";
import { parseDomainProfile } from "../../core/domain_profile.ts";
import { parseJson } from "../../core/jsonl.ts";
import { fileError } from "../files/mod.ts";

/** Finds the domain; a name that ends in `.json` is a file. */
export async function domainNamed(
  name: string,
  { kernel, cwd }: Pick<CommandContext, "kernel" | "cwd">,
): Promise<Domain> {
  if (!/\.json$/i.test(name)) return await findDomain(kernel, name);
  let text: string;
  try {
    text = await Deno.readTextFile(resolve(cwd, name));
  } catch (thrown) {
    throw fileError("read", name, thrown);
  }
  return createDomain(parseDomainProfile(parseJson(text, { file: name, line: 1 }), { file: name }));
}
