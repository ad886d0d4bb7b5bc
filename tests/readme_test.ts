/** What the README shows is what happens: its commands run, its table of kinds is the kernel's. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { builtins, createKernel } from "../mod.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = await Deno.readTextFile(`${root}README.md`);

/** Lines of the README's shell blocks. */
function shellLines(): string[] {
  return [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((block) => block[1]!.split("\n")).filter((
    line,
  ) => line !== "");
}

Deno.test("every CLI line of the README runs, in its order, and exits with 0", async () => {
  const lines = shellLines().filter((line) => line.startsWith("deno run -A cli.ts"));
  assert.ok(lines.length >= 4, `only ${lines.length} lines were found`);
  const folder = await Deno.makeTempDir();
  try {
    for (const line of lines) {
      const command = line.replaceAll(/\bruns\b/g, `${folder}/runs`).replace(/^deno/, `"${Deno.execPath()}"`);
      const { code, stderr } = await new Deno.Command("bash", {
        args: ["-c", command],
        cwd: root,
        stdout: "null",
        stderr: "piped",
      }).output();
      assert.equal(code, 0, `${line}\n${new TextDecoder().decode(stderr)}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the README's tasks exist", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${root}deno.json`)) as {
    tasks: Record<string, string>;
  };
  const named = shellLines().flatMap((line) => /^(?:npx deno@2|deno) task (\S+)/.exec(line)?.[1] ?? []);
  assert.ok(named.includes("quickstart") && named.includes("test"));
  for (const name of named) assert.ok(name in tasks, `no task ${name}`);
});

Deno.test("the README's table of kinds is what the built-in plugins provide", () => {
  const gym = createKernel({ plugins: builtins });
  const rows = gym.kinds.map((kind) =>
    `| \`${kind}\` | ${
      gym.listNamed(kind).map(({ contribution }) => shortName(contribution.id)).join(", ")
    } |`
  );
  const table = /<!-- kinds -->\n\n([\s\S]*?)\n\n<!-- \/kinds -->/.exec(readme)?.[1] ?? "";
  const cells = (line: string) => line.split("|").map((cell) => cell.trim()).join("|");
  assert.deepEqual(table.split("\n").slice(2).map(cells), rows.map(cells));
});

function shortName(id: string): string {
  return id.replace(/^knowlyr\//, "").replace(/-v1$/, "");
}
