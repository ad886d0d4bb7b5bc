/**
 * What is wrong with a request, as OpenAI's API says it.
 *
 * @module
 */

/** How a failure is said. */
export interface FailureFacts {
  /** Class of the failure. @default "invalid_request_error" */
  readonly type?: string;
  /** For programs. @default null */
  readonly code?: string | null;
  /** Field of the request. @default null */
  readonly param?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that gets no answer. */
export class Failure extends Error {
  readonly status: number;
  readonly facts: FailureFacts;

  constructor(status: number, message: string, facts: FailureFacts = {}) {
    super(message);
    this.status = status;
    this.facts = facts;
  }

  /** As it stands in a body or an event. */
  get body(): { readonly error: Readonly<Record<string, string | null>> } {
    const { type = "invalid_request_error", code = null, param = null } = this.facts;
    return { error: { message: this.message, type, param, code } };
  }

  /** As a response. */
  response(): Response {
    return Response.json(this.body, { status: this.status, headers: this.facts.headers ?? {} });
  }
}
