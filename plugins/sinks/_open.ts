/** Refuses events after `close`, in one wording for all sinks. */
export function wantOpen(closed: boolean, what: string): void {
  if (!closed) return;
  throw new TypeError(`Cannot write to ${what}: wanted an open sink: received a closed one`);
}
