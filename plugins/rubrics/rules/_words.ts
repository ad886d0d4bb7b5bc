/**
 * Finds paths and identifiers in text: words rare enough that using one later is no accident.
 *
 * The scan reads each character once, through a table: outputs are most of what an episode holds.
 *
 * @module
 */
import { normalPath } from "./_call.ts";

const LOWER = 1;
const UPPER = 2;
const DIGIT = 4;
const UNDERSCORE = 8;
const DOT = 16;
const SLASH = 32;
const DASH = 64; // and tilde
const LETTER = LOWER | UPPER;

const CLASS = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  if (/[a-z]/.test(char)) CLASS[code] = LOWER;
  else if (/[A-Z]/.test(char)) CLASS[code] = UPPER;
  else if (/[0-9]/.test(char)) CLASS[code] = DIGIT;
}
for (const [char, kind] of [["_", UNDERSCORE], [".", DOT], ["/", SLASH], ["-", DASH], ["~", DASH]] as const) {
  CLASS[char.charCodeAt(0)] = kind;
}

/** Shortest word that counts. */
const MIN_LENGTH = 4;

/**
 * Calls `use` with each rare word, a path in its one spelling, and with a path's last part if it is rare by itself. Rare is
 * a word with `/`, `_` or `.` between its parts, or a capital after a small letter.
 */
export function rareWords(
  text: string,
  maxChars: number,
  maxWords: number,
  use: (word: string) => void,
): void {
  const end = Math.min(text.length, maxChars);
  let left = maxWords;
  let start = -1; // of the word, or -1 between words
  let slash = -1; // the last one of the word
  let before = 0; // classes of the two characters before this one
  let last = 0;
  let rare = false;
  let rareName = false; // rare by the part after the last slash
  for (let i = 0; i <= end; i++) {
    const code = i < end ? text.charCodeAt(i) : 128;
    const kind = code < 128 ? CLASS[code]! : 0;
    if (kind !== 0) {
      if (start < 0) {
        if ((kind & (DIGIT | DASH)) !== 0) continue;
        start = i;
        slash = -1;
        before = last = 0;
        rare = rareName = false;
      }
      if (kind === SLASH) {
        slash = i;
        rareName = false;
      } else if (last === SLASH) rare ||= before !== 0 && before !== SLASH;
      else if (separates(before, last, kind)) rare = rareName = true;
      before = last;
      last = kind;
      continue;
    }
    if (rare && i - start >= MIN_LENGTH) {
      if (left-- === 0) return;
      emit(text, start, i, slash, rareName, use);
    }
    start = -1;
  }
}

function separates(before: number, last: number, kind: number): boolean {
  if (last === UNDERSCORE) return (before & (LETTER | DIGIT)) !== 0 && (kind & (LETTER | DIGIT)) !== 0;
  if (last === DOT) return (before & (LETTER | DIGIT | UNDERSCORE)) !== 0 && (kind & LETTER) !== 0;
  return last === LOWER && kind === UPPER;
}

function emit(
  text: string,
  start: number,
  end: number,
  slash: number,
  rareName: boolean,
  use: (word: string) => void,
): void {
  while (text.charCodeAt(end - 1) === 46) end--; // the full stop of a sentence
  const word = text.slice(start, end);
  use(slash < 0 ? word : normalPath(word));
  if (slash >= 0 && rareName && end - slash - 1 >= MIN_LENGTH) use(text.slice(slash + 1, end));
}
