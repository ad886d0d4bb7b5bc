/**
 * The program: finds plugins, makes a kernel, runs one command, prints. Results go to standard output, progress and
 * errors to standard error; once a command has written rows to standard output, its report goes to standard error.
 *
 * @module
 */
import config from "./deno.json" with { type: "json" };
import type { CommandContext, ExitCode } from "./core/command.ts";
import type { Kernel } from "./core/kernel.ts";
import { GymError } from "./core/errors.ts";
import { seeded } from "./core/prng.ts";
import { errorText, exitCodeOf } from "./plugins/commands/_exit_code.ts";
import { GLOBAL_HELP, type Globals, takeGlobals } from "./plugins/commands/_globals.ts";

const BRIEF =
  "A gym for agents that use language models: environments, trajectories, scores, data sets, training";

/** The output of this process, and whether rows were written to it. */
const output = {
  streamed: false,
  async write(chunk: Uint8Array): Promise<void> {
    output.streamed ||= chunk.length > 0;
    await writeAll(Deno.stdout, chunk);
  },
};

async function main(args: readonly string[]): Promise<ExitCode> {
  let globals: Globals = {
    plugins: [],
    json: args.includes("--json"),
    debug: false,
    version: false,
    rest: [],
  };
  try {
    globals = takeGlobals(args);
    if (globals.version) return await print(config.version);
    return await runCommand(globals);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.BrokenPipe) return 0; // whoever reads has seen enough
    await writeAll(Deno.stderr, line(errorText(thrown, globals)));
    return exitCodeOf(thrown);
  }
}

async function runCommand(globals: Globals): Promise<ExitCode> {
  const { json, rest } = globals;
  const cwd = Deno.cwd();
  const kernel = await kernelOf(globals, cwd);
  // Loaded here, so that --version answers without them.
  const [{ command }, { parseArguments }] = await Promise.all([
    import("./core/command.ts"),
    import("./plugins/commands/_parser.ts"),
  ]);
  const commands = await Promise.all(
    kernel.list(command).map(({ contribution }) => kernel.make(contribution, {})),
  );
  const parsed = parseArguments(commands, rest, { brief: BRIEF, footer: GLOBAL_HELP });
  if ("output" in parsed) return await print(parsed.output.trimEnd());
  if ("error" in parsed) throw parsed.error;
  // Sound: `input` is the output of this command's own schema.
  const result = await parsed.command.run(parsed.input as never, contextOf(kernel, cwd));
  await print(json ? JSON.stringify(result.data) : result.text);
  return result.exitCode ?? 0;
}

/** A kernel with the built-in plugins, those of `gym.yaml`, and those on the line. */
async function kernelOf({ plugins: named }: Globals, cwd: string): Promise<Kernel> {
  const [{ createKernel }, { loadPlugin }, { builtins }, { pluginsOfFolder }] = await Promise.all([
    import("./core/kernel.ts"),
    import("./core/load.ts"),
    import("./plugins/mod.ts"),
    import("./plugins/commands/_settings.ts"),
  ]);
  const plugins = [...builtins];
  for (const specifier of new Set([...await pluginsOfFolder(cwd), ...named])) {
    plugins.push(await loadPlugin(specifier, { cwd }));
  }
  return createKernel({ plugins });
}

function contextOf(kernel: Kernel, cwd: string): CommandContext {
  const { signal, onInterrupt } = interruption();
  return {
    kernel,
    cwd,
    progress: (text) => void Deno.stderr.writeSync(line(text)),
    now: () => Date.now(),
    prng: seeded(0n),
    signal,
    onInterrupt,
    // Through a pipe that the signal breaks: a read that waits would not notice.
    stdin: () => Deno.stdin.readable.pipeThrough(new TransformStream(), { signal }),
    write: output.write,
  };
}

/** Exit codes of a process that a second signal ends, as shells say them: 128 and the signal's number. */
const ENDED_BY = { SIGINT: 130, SIGTERM: 143 } as const;

/** Aborted by the first Ctrl-C or SIGTERM; the second one ends the process. A command may take Ctrl-C for itself. */
function interruption(): Required<Pick<CommandContext, "signal" | "onInterrupt">> {
  const controller = new AbortController();
  let taken: (() => void) | null = null;
  const listen = (name: keyof typeof ENDED_BY): void =>
    Deno.addSignalListener(name, () => {
      if (name === "SIGINT" && taken !== null) return taken();
      if (controller.signal.aborted) Deno.exit(ENDED_BY[name]);
      controller.abort(new GymError("INTERRUPTED", "Cannot go on: interrupted"));
    });
  listen("SIGINT");
  if (Deno.build.os !== "windows") listen("SIGTERM"); // which Windows does not have
  const onInterrupt = (handle: () => void): Disposable => {
    taken = handle;
    return { [Symbol.dispose]: () => void (taken = null) };
  };
  return { signal: controller.signal, onInterrupt };
}

async function print(text: string): Promise<ExitCode> {
  if (text !== "") await writeAll(output.streamed ? Deno.stderr : Deno.stdout, line(text));
  return 0;
}

function line(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\n`);
}

async function writeAll(to: { write(chunk: Uint8Array): Promise<number> }, chunk: Uint8Array): Promise<void> {
  for (let rest = chunk; rest.length > 0;) rest = rest.subarray(await to.write(rest));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
