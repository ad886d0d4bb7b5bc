/**
 * Finds paths and identifiers in text: words rare enough that using one later is no accident.
 *
 * @module
 */
import { normalPath } from "./_call.ts";

const WORD = /[A-Za-z_.~/][\w./~-]{3,}/g;
/** A separator inside, or a capital after a small letter. */
const RARE = /[\w.~-]\/[\w.~-]|[A-Za-z0-9]_[A-Za-z0-9]|[A-Za-z_]\.[A-Za-z]|[a-z][A-Z]/;

/** Calls `use` with each rare word, a path in its one spelling, and with a path's last part if it is rare by itself. */
export function rareWords(
  text: string,
  maxChars: number,
  maxWords: number,
  use: (word: string) => void,
): void {
  const head = text.length > maxChars ? text.slice(0, maxChars) : text;
  let left = maxWords;
  for (const [raw] of head.matchAll(WORD)) {
    if (!RARE.test(raw)) continue;
    if (left-- === 0) return;
    const word = normalPath(raw.replace(/\.+$/, ""));
    use(word);
    const name = word.slice(word.lastIndexOf("/") + 1);
    if (name.length < word.length && name.length > 3 && RARE.test(name)) use(name);
  }
}
