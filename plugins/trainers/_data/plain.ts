/** Text without a template as tokens. */
import type { TextTokenizer } from "./codec.ts";
import { cutAt, type MarkedTokens } from "./mark.ts";
import type { PlainRow } from "./rows/row.ts";
import { ROLES } from "./sequence.ts";

/**
 * Tokens of a plain text. Segments are tokenised one by one, as a model meets them that continues a prompt. The end token
 * follows a trained last segment, else the model would never learn to stop; the first segment begins as the
 * tokenizer begins a text.
 */
export function plainTokens({ segments }: PlainRow, tokenizer: TextTokenizer): MarkedTokens {
  const ids: number[] = [];
  const weights: number[] = [];
  const roles: number[] = [];
  const add = (id: number, train: boolean): void => {
    weights.push(train && ids.length > 0 ? 1 : 0);
    roles.push(ROLES.indexOf(train ? "assistant" : "user"));
    ids.push(id);
  };
  for (const [at, { text, train }] of segments.entries()) {
    const tokens = tokenizer.encode(text, { specialTokens: at === 0 });
    // A post-processor may have ended the text already; it goes on unless this was all.
    const end = at < segments.length - 1 && tokens.at(-1) === tokenizer.eosId ? -1 : tokens.length;
    for (const id of tokens.slice(0, end)) add(id, train);
  }
  const { eosId } = tokenizer;
  if (eosId !== null && segments.at(-1)?.train === true && ids.at(-1) !== eosId) add(eosId, true);
  return cutAt({
    ids: Int32Array.from(ids),
    weights: Float32Array.from(weights),
    roles: Uint8Array.from(roles),
    steps: Int32Array.from(weights, (weight) => weight > 0 ? 0 : -1),
  }, ids.length);
}

/**
 * Windows of a long text. Each begins with the last token of the one before, untrained, so that every trained token is
 * trained once; windows that train nothing are left out.
 */
export function windowsOf({ ids, weights, roles, steps }: MarkedTokens, maxLength: number): MarkedTokens[] {
  const windows: MarkedTokens[] = [];
  for (let start = 0; start < ids.length - 1; start += maxLength - 1) {
    const end = start + maxLength;
    const own = weights.slice(start, end);
    own.fill(0, 0, 1);
    windows.push(cutAt({
      ids: ids.slice(start, end),
      weights: own,
      roles: roles.slice(start, end),
      steps: steps.slice(start, end),
    }, maxLength));
  }
  return windows.filter((window) => window.ids.length > 0);
}
