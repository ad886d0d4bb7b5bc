/**
 * The learning curve of an online run, from its journal: as data and as a picture.
 *
 * @module
 */
import type { Json } from "../../../core/schema.ts";
import type { JournalEntry } from "./journal.ts";
import type { Measure } from "./outcomes.ts";

/** Tries of one iteration. */
export interface TrainingPoint {
  readonly iteration: number;
  /** Mean of the measure over all tries, at the temperature of training. */
  readonly value: number;
}

/** One evaluation on held-out tasks. */
export interface EvaluationPoint extends TrainingPoint {
  /** Interval of the value; null where there is none. */
  readonly low: number | null;
  readonly high: number | null;
  readonly decision: "promote" | "keep" | "roll_back";
  /** Of the difference from the incumbent; null for the first. */
  readonly p: number | null;
}

/** How a model learned. */
export interface LearningCurve {
  readonly schema: "gym.learning-curve/1";
  readonly measure: Measure;
  /** Iterations planned. */
  readonly iterations: number;
  readonly training: readonly TrainingPoint[];
  readonly evaluations: readonly EvaluationPoint[];
}

/** Reads a curve off the finished stages of a run. */
export function curveOf(
  finished: readonly JournalEntry[],
  { measure, iterations }: { readonly measure: Measure; readonly iterations: number },
): LearningCurve {
  const number = (value: Json | undefined): number | null => typeof value === "number" ? value : null;
  const of = (stage: string) =>
    finished.flatMap(({ iteration, stage: own, facts }) => {
      const value = number(facts?.[measure]);
      return own === stage && facts !== undefined && value !== null ? [{ iteration, value, facts }] : [];
    });
  return {
    schema: "gym.learning-curve/1",
    measure,
    iterations,
    training: of("collect").map(({ iteration, value }) => ({ iteration, value })),
    evaluations: of("judge").map(({ iteration, value, facts }) => ({
      iteration,
      value,
      low: number(facts[`${measure}Low`]),
      high: number(facts[`${measure}High`]),
      decision: facts["decision"] as EvaluationPoint["decision"], // sound: the journal is the run's own
      p: number(facts["p"]),
    })),
  };
}

const WIDTH = 720;
const HEIGHT = 360;
const BOX = { left: 56, right: WIDTH - 16, top: 40, bottom: HEIGHT - 48 };
const INK = { text: "#333", grid: "#ddd", training: "#9ab", evaluation: "#1f5fa8", rolledBack: "#b3261e" };

/** The curve as an SVG image: tries as a thin line, evaluations as dots with intervals, filled where promoted. */
export function curvePicture(curve: LearningCurve): string {
  const { iterations, training, evaluations, measure } = curve;
  const [least, most] = rangeOf(curve);
  const x = (iteration: number) => BOX.left + (BOX.right - BOX.left) * (iteration / Math.max(iterations, 1));
  const y = (value: number) => BOX.bottom - (BOX.bottom - BOX.top) * ((value - least) / (most - least));
  const line = (points: readonly TrainingPoint[], colour: string, width: number) =>
    points.length === 1
      ? `<circle cx="${fixed(x(points[0]!.iteration))}" cy="${
        fixed(y(points[0]!.value))
      }" r="2" fill="${colour}"/>`
      : points.length === 0
      ? ""
      : `<polyline fill="none" stroke="${colour}" stroke-width="${width}" points="${
        points.map(({ iteration, value }) => `${fixed(x(iteration))},${fixed(y(value))}`).join(" ")
      }"/>`;
  const radius = evaluations.length <= 40 ? 4.5 : 2.5; // as many as fit beside each other
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" ` +
    `font-size="12" fill="${INK.text}" role="img" aria-label="Learning curve: ${measure} by iteration">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...ticks(least, most, 5).map((value) => gridLine(value, y(value))),
    ...ticks(0, iterations, 5).filter(Number.isInteger).map((at) =>
      `<text x="${fixed(x(at))}" y="${BOX.bottom + 18}" text-anchor="middle">${at}</text>`
    ),
    `<text x="${(BOX.left + BOX.right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">iteration</text>`,
    line(training, INK.training, 1),
    line(evaluations, INK.evaluation, 1.5),
    ...evaluations.map((point) => dot(point, x(point.iteration), y, radius)),
    ...legend(measure),
    "</svg>",
  ].filter((part) => part !== "").join("\n") + "\n";
}

/** Success from 0 to 1; rewards as far as they reach. */
function rangeOf({ measure, training, evaluations }: LearningCurve): readonly [least: number, most: number] {
  if (measure === "success") return [0, 1];
  const values = [
    ...training.map(({ value }) => value),
    ...evaluations.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]),
  ];
  const [least, most] = [Math.min(0, ...values), Math.max(0, ...values)];
  return least === most ? [least, least + 1] : [least, most];
}

/** Round numbers from `least` to `most`, about `count` of them. */
function ticks(least: number, most: number, count: number): readonly number[] {
  const rough = (most - least) / count;
  if (!(rough > 0)) return [least];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough)! * power; // sound: rough is below 10 · power
  const first = Math.ceil(least / step - 1e-9);
  const length = Math.floor(most / step + 1e-9) - first + 1;
  return Array.from({ length }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function gridLine(value: number, y: number): string {
  const at = fixed(y);
  return `<line x1="${BOX.left}" x2="${BOX.right}" y1="${at}" y2="${at}" stroke="${INK.grid}"/>` +
    `<text x="${BOX.left - 8}" y="${fixed(y + 4)}" text-anchor="end">${value}</text>`;
}

function dot(
  { value, low, high, decision }: EvaluationPoint,
  x: number,
  y: (value: number) => number,
  radius: number,
): string {
  const colour = decision === "roll_back" ? INK.rolledBack : INK.evaluation;
  const whisker = low === null || high === null
    ? ""
    : `<line x1="${fixed(x)}" x2="${fixed(x)}" y1="${fixed(y(low))}" y2="${
      fixed(y(high))
    }" stroke="${colour}"/>`;
  return `${whisker}<circle cx="${fixed(x)}" cy="${fixed(y(value))}" r="${radius}" stroke="${colour}" fill="${
    decision === "promote" ? colour : "#fff"
  }"/>`;
}

function legend(measure: Measure): readonly string[] {
  const entry = (x: number, mark: string, text: string) => `${mark}<text x="${x + 14}" y="24">${text}</text>`;
  const circle = (x: number, stroke: string, fill: string) =>
    `<circle cx="${x}" cy="20" r="4.5" stroke="${stroke}" fill="${fill}"/>`;
  return [
    entry(64, `<line x1="56" x2="72" y1="20" y2="20" stroke="${INK.training}"/>`, `${measure} of the tries`),
    entry(210, circle(210, INK.evaluation, INK.evaluation), "held-out, promoted"),
    entry(352, circle(352, INK.evaluation, "#fff"), "not promoted"),
    entry(460, circle(460, INK.rolledBack, "#fff"), "rolled back"),
    entry(
      556,
      `<line x1="556" x2="556" y1="13" y2="27" stroke="${INK.evaluation}"/>`,
      "interval of the mean",
    ),
  ];
}

function fixed(value: number): string {
  return value.toFixed(1);
}
