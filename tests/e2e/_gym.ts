/** The real program as a process, as a person types it. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this package. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** What became of a process. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Types a line, its words separated by single spaces. `onStderr` sees everything it said so far. */
export async function gym(
  cwd: string,
  line: string,
  onStderr: (text: string, child: Deno.ChildProcess) => void = () => {},
): Promise<Ended> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", join(root, "deno.json"), join(root, "cli.ts"), ...line.split(" ")],
    cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  let stderr = "";
  const watching = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      stderr += text;
      onStderr(stderr, child);
    }
  })();
  const stdout = await new Response(child.stdout).text();
  await watching;
  return { code: (await child.status).code, stdout, stderr };
}
