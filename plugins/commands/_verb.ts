/**
 * Declares a command whose input is typed by its own schema.
 *
 * @module
 */
import type { z } from "zod";
import { type Command, command, type CommandContext, type CommandResult } from "../../core/command.ts";
import type { Contribution } from "../../core/kind.ts";
import { noOptions } from "../../core/schema.ts";

/** A command as its file writes it. */
export interface Verb<S extends z.ZodType> extends Omit<Command, "input" | "run"> {
  readonly input: S;
  run(input: z.output<S>, context: CommandContext): Promise<CommandResult>;
}

/** The contribution of one command. */
export function verb<S extends z.ZodType>(id: string, definition: Verb<S>): Contribution<Command> {
  const made = command(id, {
    description: definition.summary,
    options: noOptions,
    // Sound: the input a command is run with is the output of its own schema.
    create: () => definition as unknown as Command,
  });
  return made as Contribution<Command>;
}
