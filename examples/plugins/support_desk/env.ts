import {
  type Action,
  below,
  type Contribution,
  type Env,
  env,
  type EnvSpec,
  GymError,
  type ResetOptions,
  seeded,
  type StepOptions,
  type Task,
  type TimeStep,
  type ToolDefinition,
} from "@knowlyr/gym";
import { z } from "zod";

/** Options of {@linkcode supportDesk}. */
export interface SupportDeskOptions {
  /** Tickets in the queue, 1 to 50. @default 5 */
  readonly tickets?: number | undefined;
}

const SUBJECTS: readonly { readonly text: string; readonly team: string }[] = [
  { text: "I was charged twice this month", team: "billing" },
  { text: "The invoice has the wrong address", team: "billing" },
  { text: "The app crashes when I open a chart", team: "engineering" },
  { text: "Exports to CSV come out empty", team: "engineering" },
  { text: "I cannot sign in with my new phone", team: "accounts" },
  { text: "Please delete my account", team: "accounts" },
];
const TEAMS = ["billing", "engineering", "accounts"] as const;

const PARAMS = {
  read_ticket: z.strictObject({ id: z.number().int().min(1).describe("Number of the ticket, from 1") }),
  route: z.strictObject({
    id: z.number().int().min(1).describe("Number of the ticket, from 1"),
    team: z.enum(TEAMS).describe("Who solves it"),
  }),
  close_shift: z.strictObject({}),
} as const;

const TOOLS: readonly ToolDefinition[] = [
  {
    name: "read_ticket",
    description: "Shows the text of a ticket",
    parameters: schemaOf(PARAMS.read_ticket),
  },
  { name: "route", description: "Sends a ticket to a team", parameters: schemaOf(PARAMS.route) },
  { name: "close_shift", description: "Ends the shift", parameters: schemaOf(PARAMS.close_shift) },
];

function schemaOf(schema: z.ZodType): ToolDefinition["parameters"] {
  return z.toJSONSchema(schema, { io: "input" }) as ToolDefinition["parameters"];
}

class SupportDesk implements Env {
  readonly spec: EnvSpec;
  readonly domain = "support";
  readonly tools = TOOLS;
  readonly #size: number;
  #queue: { text: string; team: string; routed: string | null }[] = [];
  #state: "fresh" | "running" | "done" | "disposed" = "fresh";

  constructor({ tickets }: { tickets: number }) {
    this.#size = tickets;
    this.spec = { id: "acme/support-desk-v1", options: { tickets }, wrappers: [] };
  }

  reset({ seed = 0n, task }: ResetOptions = {}): TimeStep {
    if (this.#state === "disposed") {
      throw new GymError("ENV_STATE", "Cannot reset acme/support-desk-v1: it is disposed");
    }
    const prng = seeded(seed);
    this.#queue = Array.from(
      { length: this.#size },
      () => ({ ...SUBJECTS[below(prng, SUBJECTS.length)]!, routed: null }),
    );
    this.#state = "running";
    const description = task?.description ??
      `Route each of the ${this.#size} tickets to the team that can solve it.`;
    const chosen: Task = { ...task, id: task?.id ?? `queue-${seed}`, description };
    return timeStep(`${description}\nTeams: ${TEAMS.join(", ")}`, { info: { task: chosen } });
  }

  step(action: Action, { signal }: StepOptions = {}): TimeStep {
    signal?.throwIfAborted();
    if (this.#state !== "running") {
      throw new GymError(
        "ENV_STATE",
        `Cannot step acme/support-desk-v1: wanted a running episode: received ${this.#state}`,
      );
    }
    const schema = Object.hasOwn(PARAMS, action.tool)
      ? PARAMS[action.tool as keyof typeof PARAMS]
      : undefined;
    if (schema === undefined) {
      return refuse(`Unknown tool "${action.tool}": wanted one of ${Object.keys(PARAMS).join(", ")}`);
    }
    const params = schema.safeParse(action.params);
    if (!params.success) {
      return refuse(
        `Invalid call of ${action.tool}: ${params.error.issues.map((issue) => issue.message).join("; ")}`,
      );
    }
    if (action.tool === "close_shift") return this.#close();
    const { id, team } = params.data as unknown as { id: number; team?: string }; // the schemas of both other tools
    const ticket = this.#queue[id - 1];
    if (ticket === undefined) return refuse(`No ticket ${id}: the queue has ${this.#size}`);
    if (team === undefined) return timeStep(`#${id}: ${ticket.text}`);
    ticket.routed = team;
    const open = this.#queue.filter((each) => each.routed === null).length;
    return open === 0 ? this.#close() : timeStep(`#${id} goes to ${team}; ${open} left`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "disposed";
    await Promise.resolve();
  }

  #close(): TimeStep {
    this.#state = "done";
    const right = this.#queue.filter((each) => each.routed === each.team).length;
    const score = right / this.#size;
    return timeStep(`Shift closed: ${right} of ${this.#size} tickets went to the right team`, {
      reward: score,
      terminated: true,
      info: { success: score === 1, score, reason: "close_shift" },
    });
  }
}

function timeStep(observation: string, more: Partial<TimeStep> = {}): TimeStep {
  return { observation, reward: 0, terminated: false, truncated: false, info: {}, ...more };
}

function refuse(message: string): TimeStep {
  return timeStep(message, { info: { invalid: true, result: { output: message, error: message } } });
}

/** A queue of tickets: `route` settles one, an empty queue or `close_shift` terminates. */
export const supportDesk: Contribution<Env, SupportDeskOptions> = env("acme/support-desk-v1", {
  description: "A queue of support tickets to be routed to the right team",
  options: z.strictObject({
    tickets: z.number().int().min(1).max(50).default(5).describe("Tickets in the queue"),
  }),
  create: (options) => new SupportDesk(options),
});
