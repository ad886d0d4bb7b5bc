/**
 * Solutions of logic puzzles as text: `X=true, Y=false`, `X is true`, or one digit a variable.
 *
 * @module
 */

const VALUES: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["false", false],
  ["yes", true],
  ["no", false],
  ["1", true],
  ["0", false],
]);

/** A truth value as text; null is one that the premises leave open. */
export function valueText(value: boolean | null, compact: boolean): string {
  if (value === null) return compact ? "?" : "unknown";
  return compact ? String(Number(value)) : String(value);
}

/**
 * Values by index of the variable, or a text that says what is wrong.
 *
 * @param target The variable that is asked for; then a value alone is enough.
 */
export function readSolution(
  text: string,
  names: readonly string[],
  target: number | null,
): ReadonlyMap<number, boolean> | string {
  const alone = VALUES.get(text.toLowerCase());
  if (alone !== undefined && target !== null) return new Map([[target, alone]]);
  if (/^[01]+$/.test(text) && text.length === names.length) {
    return new Map([...text].map((digit, at) => [at, digit === "1"]));
  }
  const solution = new Map<number, boolean>();
  for (const part of text.split(/[,;\n]+/).map((part) => part.trim().replace(/\.$/, ""))) {
    if (part === "") continue;
    const [, name = "", value = ""] = /^(.+?)(?:\s*[=:]\s*|\s+is\s+)(\w+)$/i.exec(part) ?? [];
    const variable = names.findIndex((known) => known.toLowerCase() === name.toLowerCase());
    const said = VALUES.get(value.toLowerCase());
    if (variable < 0 || said === undefined) {
      return `wanted X=true or X=false for variables of the puzzle, received ${
        JSON.stringify(part.slice(0, 40))
      }`;
    }
    if (solution.has(variable) && solution.get(variable) !== said) {
      return `wanted one value a variable, received two for ${names[variable]}`;
    }
    solution.set(variable, said);
  }
  return solution.size > 0 ? solution : "wanted X=true or X=false, received nothing";
}
