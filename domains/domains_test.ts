import assert from "node:assert/strict";
import { createDomain, domain, findDomain } from "../core/domain.ts";
import { createKernel } from "../core/kernel.ts";
import domains, { coding, domainProfiles, parseDomainProfile } from "./mod.ts";

for (const profile of domainProfiles) {
  Deno.test(`domain ${profile.name} has unique names, weights that sum to 1 and a way to end`, () => {
    createDomain(profile);
    const weights = Object.values(profile.rubricWeights);
    assert.ok(weights.length > 0);
    assert.ok(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-12);
    assert.ok(profile.tools.some(({ terminal }) => terminal === true));
    for (const tool of profile.tools) {
      assert.ok(tool.category !== "submit" || tool.terminal === true, tool.name);
    }
  });
}

Deno.test("domains are found by their short names", async () => {
  const kernel = createKernel({ plugins: [domains] });
  assert.equal(kernel.list(domain).length, 8);
  assert.equal((await findDomain(kernel, "crew")).profile.title, "Crew agent");
});

const known: [tool: string, params: Record<string, string>, category: string, target: string | null][] = [
  ["file_read", { path: "a" }, "read", "a"],
  ["file_write", { path: "a" }, "write", "a"],
  ["file_edit", { path: "a" }, "write", "a"],
  ["list_dir", { path: "src" }, "search", "src"],
  ["shell", { command: "ls" }, "execute", null],
  ["search", { pattern: "x", path: "src" }, "search", "src"],
  ["git", { command: "status" }, "execute", null],
  ["run_tests", {}, "execute", null],
  ["submit", {}, "submit", null],
  ["finish", {}, "submit", null],
  ["execute_bash", { command: "ls" }, "execute", null],
  ["str_replace_editor", { command: "view", path: "a" }, "read", "a"],
  ["str_replace_editor", { command: "undo_edit", path: "a" }, "write", "a"],
  ["str_replace_editor", { command: "constructor", path: "a" }, "write", "a"],
  ["run_ipython", { code: "1" }, "execute", null],
  ["browse_url", { url: "https://x" }, "read", "https://x"],
  ["open", { path: "a", line_number: "3" }, "read", "a"],
  ["goto", { line_number: "3" }, "navigate", "3"],
  ["scroll_down", {}, "navigate", null],
  ["search_dir", { search_term: "x", dir: "src" }, "search", "src"],
  ["search_file", { search_term: "x", file: "a" }, "search", "a"],
  ["find_file", { file_name: "a", dir: "src" }, "search", "src"],
  ["create", { filename: "a" }, "write", "a"],
  ["edit", { file_path: "a" }, "write", "a"],
];
for (const [tool, params, category, target] of known) {
  Deno.test(`coding knows ${tool} ${JSON.stringify(params)}`, () => {
    const coder = createDomain(coding);
    assert.equal(coder.category({ tool, params }), category);
    assert.equal(coder.target({ tool, params }), target);
  });
}

Deno.test("coding knows no category of a tool it does not know", () => {
  assert.equal(createDomain(coding).category({ tool: "frobnicate", params: {} }), null);
});

Deno.test("parseDomainProfile() reads a profile file", () => {
  const profile = parseDomainProfile({
    domain: "sql",
    display_name: "SQL agent",
    tools: [
      { name: "query", category: "read", stateful_key: "table", aliases: ["select"] },
      { name: "submit", category: "submit" },
    ],
    outcome_spec: { score_field: "tests_passed", total_field: "tests_total" },
    task_fields: { schema: "Tables" },
    default_rubric_weights: { non_redundancy: 1 },
  });
  assert.deepEqual(profile.outcome, ["score", "tests", "success"]);
  assert.deepEqual(profile.rubricWeights, { non_redundancy: 1 });
  const sql = createDomain(profile);
  assert.equal(sql.target({ tool: "select", params: { path: "p", table: "t" } }), "t");
  assert.equal(sql.tool("submit")?.terminal, true);
});

const broken: [value: unknown, problem: string][] = [
  [{ tools: [] }, "domain: expected string: received nothing"],
  [
    { domain: "d", tools: [{ name: "a", category: "eat" }] },
    'tools.0.category: invalid option: expected one of "read"|"search"|"write"|"execute"|"navigate"|"submit"|"think"|"communicate": received "eat": did you mean "read"?',
  ],
  [
    {
      domain: "d",
      tools: [{ name: "a", category: "read" }, { name: "b", category: "read", aliases: ["c", "a"] }],
    },
    'tools.1.aliases.1: wanted a name that no other tool has: received "a", which is tools.0.name',
  ],
];
for (const [value, problem] of broken) {
  Deno.test(`parseDomainProfile() refuses ${JSON.stringify(value)}`, () => {
    assert.throws(() => parseDomainProfile(value, { file: "p.json" }), {
      code: "INVALID_DATA",
      message: `Cannot read domain profile p.json: ${problem}`,
    });
  });
}
