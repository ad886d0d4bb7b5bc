/**
 * Text of models and environments on a terminal.
 *
 * @module
 */

/** Control characters but tab and line feed as the signs of them, so that no text moves the cursor or changes colours. */
export function printable(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll(
    // deno-lint-ignore no-control-regex -- they are what this is about
    /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g,
    (sign) => {
      const code = sign.charCodeAt(0);
      return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
    },
  );
}

/** Indents every line and shows the first `most` of them; 0 shows all. */
export function indented(text: string, most: number): string {
  const lines = printable(text.trimEnd()).split("\n");
  const shown = most === 0 ? lines : lines.slice(0, most);
  const left = lines.length - shown.length;
  if (left > 0) shown.push(`… ${left} more ${left === 1 ? "line" : "lines"}`);
  return shown.map((line) => `  ${line}`.trimEnd()).join("\n");
}
