/**
 * Arithmetic over named numbers, `n*p + max(a, b)`: what answers of templates are written in. Nothing is evaluated as code.
 *
 * Operators + − * / % ** with the usual precedence (** binds to the right, above the sign), parentheses, and the
 * functions min, max, floor, round.
 *
 * @module
 */

const FUNCTIONS: ReadonlyMap<string, (...values: number[]) => number> = new Map([
  ["min", Math.min],
  ["max", Math.max],
  ["floor", Math.floor],
  ["round", Math.round],
]);

const LEVELS: readonly Readonly<Record<string, (a: number, b: number) => number>>[] = [
  { "+": (a, b) => a + b, "-": (a, b) => a - b },
  { "*": (a, b) => a * b, "/": (a, b) => a / b, "%": (a, b) => a % b },
];

/** Names of numbers that an expression needs, without those of functions. */
export function namesIn(text: string): string[] {
  return tokensOf(text).filter((token) => /^[a-z_]/i.test(token) && !FUNCTIONS.has(token));
}

/**
 * The value of an expression.
 *
 * @throws {SyntaxError} On anything that is not one. @throws {RangeError} When the value is not finite.
 */
export function evaluate(text: string, values: Readonly<Record<string, number>>): number {
  const tokens = tokensOf(text);
  let at = 0;
  let depth = 0;
  const next = (): string => tokens[at] ?? "";
  const expect = (token: string): void => {
    if (next() !== token) throw unexpected(text, `"${token}"`, next());
    at++;
  };
  const binary = (level: number): number => {
    if (level === LEVELS.length) return signed();
    let left = binary(level + 1);
    while (Object.hasOwn(LEVELS[level]!, next())) {
      left = LEVELS[level]![tokens[at++]!]!(left, binary(level + 1));
    }
    return left;
  };
  const signed = (): number => {
    if (++depth > 100) throw unexpected(text, "at most 100 levels", "more");
    let sign = 1;
    while (next() === "-" || next() === "+") if (tokens[at++] === "-") sign = -sign;
    const base = atom();
    const value = next() === "**" ? (at++, base ** signed()) : base;
    depth--;
    return sign * value;
  };
  const atom = (): number => {
    const token = next();
    at++;
    if (token === "(") {
      const value = binary(0);
      expect(")");
      return value;
    }
    if (/^[\d.]/.test(token)) return Number(token);
    const call = FUNCTIONS.get(token);
    if (call !== undefined) return call(...list());
    if (Object.hasOwn(values, token)) return values[token]!;
    throw unexpected(text, "a number, a name or a parenthesis", token);
  };
  const list = (): number[] => {
    expect("(");
    const items = [binary(0)];
    while (next() === ",") {
      at++;
      items.push(binary(0));
    }
    expect(")");
    return items;
  };
  const value = binary(0);
  if (at < tokens.length) throw unexpected(text, "the end", next());
  if (!Number.isFinite(value)) {
    throw new RangeError(`Cannot evaluate "${text}": wanted a finite number: received ${value}`);
  }
  return value;
}

function tokensOf(text: string): string[] {
  const tokens = text.match(/\*\*|[-+*/%(),]|\d+(?:\.\d+)?|\.\d+|[a-z_]\w*|\S/gi) ?? [];
  return [...tokens];
}

function unexpected(text: string, wanted: string, received: string): SyntaxError {
  return new SyntaxError(`Cannot evaluate "${text}": wanted ${wanted}: received "${received}"`);
}
