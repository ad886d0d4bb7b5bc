/**
 * What a text may go on with, decided token by token.
 *
 * @module
 */

/** Which tokens may come next in one text, as it grows. Each text has a constraint of its own. */
export interface TokenConstraint {
  /**
   * The logits with −∞ for tokens that may not come next; may return its argument, which it leaves as it is, when all may.
   * At least one stays finite.
   */
  restrict(logits: Float32Array): Float32Array;
  /** The token that was taken. */
  accept(id: number): void;
}
