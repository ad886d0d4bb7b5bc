/**
 * The shape of the tree: which way imports point, no cycles, and the reviewed list of what is exported.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly type: boolean;
}

interface Dependency {
  readonly code?: { readonly specifier?: string };
  readonly type?: { readonly specifier?: string };
}

async function deno(...args: string[]): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Import edges between files of the library, types told from code. */
async function edges(): Promise<Edge[]> {
  const found = new Map<string, Edge>();
  for (const entry of ["mod.ts", "cli.ts", "core/testing/mod.ts"]) {
    const info = JSON.parse(await deno("info", "--json", entry)) as {
      modules: { specifier: string; dependencies?: Dependency[]; error?: string }[];
    };
    for (const module of info.modules) {
      assert.equal(module.error, undefined);
      for (const { code, type } of module.dependencies ?? []) {
        const to = code?.specifier ?? type?.specifier;
        const [a, b] = [local(module.specifier), local(to ?? "")];
        if (a !== null && b !== null) found.set(`${a} ${b}`, { from: a, to: b, type: code === undefined });
      }
    }
  }
  return [...found.values()];
}

function local(specifier: string): string | null {
  if (!specifier.startsWith("file:")) return null;
  const path = fileURLToPath(specifier);
  return path.startsWith(root) ? path.slice(root.length) : null;
}

/** The shelf a file stands on: `core`, `domains`, `envs/sandbox`, `plugins/wrappers`, or the file itself at the top. */
function shelf(path: string): string {
  const parts = path.split("/");
  if (parts.length === 1) return path;
  if (parts[0] === "core" || parts[0] === "domains") return parts[0];
  return parts.length > 2 ? `${parts[0]}/${parts[1]}` : path;
}

const LEAVES = new Set([
  "plugins/onnx",
  "plugins/chat",
  "plugins/statistics",
  "plugins/files",
  "plugins/models",
  "plugins/test_output",
]);

/** Whether a file on shelf `from` may import one on shelf `to`. */
function allowed(from: string, to: string): boolean {
  if (from === to || from === "cli.ts") return true;
  if (to === "deno.json") return from === "plugins/commands";
  if (from === "core") return false;
  if (from === "mod.ts") return true;
  if (from === "plugins/mod.ts") {
    return to === "core" || to.endsWith("/mod.ts") || to === "domains" || to.startsWith("plugins/");
  }
  if (from === "envs/mod.ts") return to === "core" || to.startsWith("envs/");
  return to === "core" || LEAVES.has(to);
}

/** One cycle in a graph, or null. */
function cycle(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] | null {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): string[] | null => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return null;
    for (const next of graph.get(node) ?? []) {
      const found = visit(next, [...path, node]);
      if (found !== null) return found;
    }
    done.add(node);
    return null;
  };
  for (const node of graph.keys()) {
    const found = visit(node, []);
    if (found !== null) return found;
  }
  return null;
}

function graphOf(list: readonly Edge[], name: (path: string) => string): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>();
  for (const { from, to } of list) {
    const [a, b] = [name(from), name(to)];
    if (a === b && name !== identity) continue;
    graph.set(a, (graph.get(a) ?? new Set()).add(b));
  }
  return graph;
}

function identity(path: string): string {
  return path;
}

const all = await edges();

Deno.test("imports point one way", () => {
  assert.ok(all.length > 100, `only ${all.length} imports were found`);
  const wrong = all.filter((edge) => !allowed(shelf(edge.from), shelf(edge.to)));
  assert.deepEqual(wrong.map((edge) => `${edge.from} → ${edge.to}`), []);
});

Deno.test("no file takes part in a run-time import cycle", () => {
  assert.equal(cycle(graphOf(all.filter((edge) => !edge.type), identity)), null);
});

Deno.test("no two folders import each other, types included", () => {
  assert.equal(cycle(graphOf(all, shelf)), null);
});

Deno.test("cycle() finds a cycle", () => {
  assert.deepEqual(
    cycle(graphOf([{ from: "a", to: "b", type: false }, { from: "b", to: "a", type: false }], identity)),
    ["a", "b", "a"],
  );
});

Deno.test("the kernel stays under 500 lines", async () => {
  let lines = 0;
  for (const name of ["kernel", "kind", "plugin", "load", "id"]) {
    lines += (await Deno.readTextFile(`${root}core/${name}.ts`)).split("\n").length - 1;
  }
  assert.ok(lines < 500, `${lines} lines`);
});

Deno.test("exported names are the reviewed ones", async (t) => {
  const config = JSON.parse(await Deno.readTextFile(`${root}deno.json`)) as {
    exports: Record<string, string>;
  };
  for (const [subpath, file] of Object.entries(config.exports)) {
    if (subpath === "./cli") continue; // a program: importing it runs it
    const docs = JSON.parse(await deno("doc", "--json", file)) as { nodes: Record<string, unknown> };
    const names = exportedNames(docs.nodes);
    assert.ok(names.length > 5);
    await t.assertSnapshot(names);
  }
});

/** Names in the output of `deno doc --json`: `{file: {symbols: [{name}]}}`. */
function exportedNames(nodes: Record<string, unknown>): string[] {
  const names = new Set<string>();
  for (const module of Object.values(nodes)) {
    for (const symbol of (module as { symbols?: { name: string }[] }).symbols ?? []) names.add(symbol.name);
  }
  return [...names].sort();
}
