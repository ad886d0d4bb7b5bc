/**
 * The text of a progress line: what is known of the run, most important first, so that a narrow terminal loses the
 * least.
 *
 * @module
 */

/** What a progress line says. */
export interface Progress {
  /** Steps done. */
  readonly step: number;
  /** Steps of the run. */
  readonly steps: number;
  /** Metrics of the newest step. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Seconds that the rest will take; null while that is not known. */
  readonly secondsLeft: number | null;
}

/** Metrics that are shown, in order of importance. */
const SHOWN: readonly (readonly [string, (value: number) => string])[] = [
  ["loss", (value) => `loss ${value.toPrecision(4)}`],
  ["success", (value) => `success ${(value * 100).toFixed(0)} %`],
  ["reward", (value) => `reward ${value.toPrecision(3)}`],
  ["tokensPerSecond", (value) => `${short(value)} tokens/s`],
  ["learningRate", (value) => `lr ${value.toExponential(1)}`],
  ["gradientNorm", (value) => `grad ${value.toPrecision(3)}`],
  ["memoryBytes", (value) => `${short(value)}B`],
];

/** The bar takes an eighth of the line, within these widths; a line too narrow for the least has none. */
const [LEAST_BAR, MOST_BAR] = [6, 20];

/** Parts of the line, most important first. */
export function progressParts({ step, steps, metrics, secondsLeft }: Progress): readonly string[] {
  const [loss, ...rest] = SHOWN.flatMap(([name, text]) => {
    const value = metrics[name];
    return value === undefined ? [] : [text(value)];
  });
  return [
    `${step}/${steps}`,
    ...(loss === undefined ? [] : [loss]),
    ...(secondsLeft === null ? [] : [`${duration(secondsLeft)} left`]),
    ...rest,
  ];
}

/** A bar where the line is wide enough for one, and as many parts as fit beside it. */
export function fittedLine(progress: Progress, columns: number): { bar: string; text: string } {
  const eighth = Math.min(MOST_BAR, Math.floor(columns / 8));
  const width = eighth < LEAST_BAR ? 0 : eighth;
  const room = Math.max(0, width === 0 ? columns : columns - width - 1);
  const [steps, ...parts] = progressParts(progress);
  let text = steps!.slice(0, room);
  for (const part of parts) {
    if (text.length + 2 + part.length > room) break;
    text += `  ${part}`;
  }
  return { bar: barOf(progress, width), text };
}

function barOf({ step, steps }: Progress, width: number): string {
  const full = steps > 0 ? Math.min(width, Math.floor(width * step / steps)) : 0;
  return "━".repeat(full) + "╌".repeat(width - full);
}

/** Hours, minutes and seconds: `1:02:03`, `2:03`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Three digits and a factor: `12.3k`. */
function short(value: number): string {
  const factors = ["", "k", "M", "G", "T"];
  const power = value >= 1000 ? Math.min(factors.length - 1, Math.floor(Math.log10(value) / 3)) : 0;
  return `${Number((value / 1000 ** power).toPrecision(3))}${factors[power]}`;
}
