/** `serve policy` as a process, for tests. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CLI = ["run", "-A", "--no-lock", "--config", join(ROOT, "deno.json"), join(ROOT, "cli.ts")];

/** How a program ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end. */
export async function gym(
  cwd: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...CLI, ...args],
    cwd,
    env: { NO_COLOR: "1", ...env },
  });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** A server that runs; disposing stops it. */
export interface RunningServer extends AsyncDisposable {
  /** Base address of the API, `/v1` included. */
  readonly url: string;
  /** Sends a signal and waits for the end. */
  stop(signal: Deno.Signal): Promise<Ended>;
}

/** Makes the model `nano` in a folder and serves it on a free port. */
export async function startServer(cwd: string, args: readonly string[]): Promise<RunningServer> {
  await gym(cwd, ["model", "init", "nano", "-o", "nano"]);
  const child = new Deno.Command(Deno.execPath(), {
    args: [...CLI, "serve", "policy", "--model", "nano", "--port", "0", "--provider", "cpu", ...args],
    cwd,
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const stdout = new Response(child.stdout).text();
  const { promise: address, resolve, reject } = Promise.withResolvers<string>();
  const stderr = (async () => {
    let text = "";
    for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
      text += part;
      const found = /on (http:\S+\/v1):/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    }
    reject(new Error(text));
    return text;
  })();
  const stop = async (signal: Deno.Signal): Promise<Ended> => {
    try {
      child.kill(signal);
    } catch {
      // it has ended already
    }
    return { code: (await child.status).code, stdout: await stdout, stderr: await stderr };
  };
  const url = await address;
  return { url, stop, [Symbol.asyncDispose]: async () => void await stop("SIGTERM") };
}
