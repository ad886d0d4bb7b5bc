/** The first JSON value of a text that may be cut anywhere, for looking at the structure of a log. */

const CLOSERS: Readonly<Record<string, string>> = { "{": "}", "[": "]" };

/**
 * The first value, as far as it goes: of a value that is cut off, the members before the cut. Undefined when the text
 * does not start with an object or array.
 */
export function firstValue(text: string): unknown {
  const open: string[] = []; // closers that are due, the outermost first
  let safe = { end: 0, closers: "" }; // up to here the text can be closed into whole JSON
  const token = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[{}[\],]/gs;
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    const sign = found[0];
    const closer = CLOSERS[sign];
    if (open.length === 0 && closer === undefined) return undefined;
    if (closer !== undefined) open.push(closer);
    else if (sign === "}" || sign === "]") open.pop();
    else if (sign !== ",") continue;
    const end = sign === "," ? found.index : token.lastIndex;
    safe = { end, closers: [...open].reverse().join("") };
    if (open.length === 0) break;
  }
  try {
    return safe.end === 0 ? undefined : JSON.parse(text.slice(0, safe.end) + safe.closers);
  } catch {
    const line = /^\s*(.*?)\n/.exec(text)?.[1]; // torn: what follows is another record
    return line === undefined ? undefined : firstValue(line);
  }
}
