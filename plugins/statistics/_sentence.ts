import type { Comparison } from "./compare_paired.ts";

/** A comparison in one sentence of plain English: what was seen, and whether chance explains it. */
export function sentenceOf(facts: Omit<Comparison, "sentence">): string {
  return facts.equal ? `${alike(facts)}.` : `${seen(facts)}; ${verdict(facts)}.`;
}

/** Where nothing differs there is nothing that chance could explain. */
function alike({ names: [a, b], unit, measure, outcome, n, meanA }: Omit<Comparison, "sentence">): string {
  const where = n === 1 ? `the one ${counted(unit, n)}` : `every one of ${n} ${unit}`;
  const what = outcome === "real"
    ? `both have a ${measure} of ${decimal(meanA)}`
    : `both succeeded on ${Math.round(meanA * n)}`;
  return `${b} and ${a} are equal on ${where}: ${what}`;
}

function seen(
  { names: [a, b], unit, measure, outcome, n, meanA, meanB }: Omit<Comparison, "sentence">,
): string {
  if (outcome === "real") {
    return `${b} has a ${measure} of ${decimal(meanB)} over ${n} ${counted(unit, n)} and ${a} of ${
      decimal(meanA)
    }`;
  }
  const [ofA, ofB] = [Math.round(meanA * n), Math.round(meanB * n)];
  return `${b} succeeded on ${ofB} of ${n} ${counted(unit, n)} and ${a} on ${ofA}`;
}

function verdict(facts: Omit<Comparison, "sentence">): string {
  const { n, unit, alpha, smallestP, decided, test } = facts;
  if (decided === "not decided" && smallestP > alpha) {
    const least = `p cannot fall below ${decimal(smallestP)}${correction(facts)}`;
    return `with ${n} ${counted(unit, n)} nothing can be decided (${least}, ${test})`;
  }
  const chance = decided === "not decided" ? "may be due to chance" : "is not due to chance";
  return `the difference of ${difference(facts)} ${chance} (${pText(facts.adjustedP)}${
    correction(facts)
  }, ${test})`;
}

function difference({ difference, interval, outcome, alpha }: Omit<Comparison, "sentence">): string {
  const number = (value: number) => outcome === "binary" ? points(value) : decimal(value);
  const size = outcome !== "binary" ? number(difference) : `${number(difference)} ${pointWord(difference)}`;
  if (interval === null) return size;
  const confidence = Number(((1 - alpha) * 100).toPrecision(6));
  return `${size} (${confidence} % interval ${number(interval.low)} to ${number(interval.high)})`;
}

function correction({ comparisons }: Omit<Comparison, "sentence">): string {
  return comparisons === 1 ? "" : ` after Holm's correction for ${comparisons} comparisons`;
}

/** Percentage points, whole. */
function points(value: number): string {
  return String(Math.round(value * 100) + 0); // + 0 turns −0 into 0
}

function pointWord(value: number): string {
  return Math.abs(Math.round(value * 100)) === 1 ? "point" : "points";
}

/** Three significant digits. */
function decimal(value: number): string {
  return String(Number(value.toPrecision(3)) + 0);
}

function pText(p: number): string {
  return p < 0.001 ? "p < 0.001" : `p = ${p.toPrecision(2).replace(/^1\.0$/, "1")}`;
}

/** A plural in the singular where there is one: `tasks` → `task`. */
function counted(unit: string, n: number): string {
  return n === 1 ? unit.replace(/s$/, "") : unit;
}
