/** Checks that several tests share. Each throws a `RangeError` that says what was wanted. */

/** Refuses values that are not finite. */
export function checkFinite(act: string, ...samples: readonly (readonly number[])[]): void {
  for (const values of samples) {
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new RangeError(`Cannot ${act}: finite numbers: received ${values[bad]} at index ${bad}`);
    }
  }
}

/** Refuses samples with fewer than `least` values. */
export function checkSize(act: string, least: number, ...samples: readonly (readonly number[])[]): void {
  for (const values of samples) {
    if (values.length < least) {
      const wanted = least === 1 ? "at least one value" : `at least ${least} values`;
      throw new RangeError(`Cannot ${act}: ${wanted}: received ${values.length}`);
    }
  }
}

/** The differences b − a of pairs. @throws {RangeError} If there is none, lengths differ or a value is not finite. */
export function differencesOf(act: string, a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length) {
    throw new RangeError(`Cannot ${act}: as many values of a as of b: received ${a.length} and ${b.length}`);
  }
  checkSize(act, 1, a);
  checkFinite(act, a, b);
  return a.map((value, i) => b[i]! - value);
}

/** Refuses a number outside the open interval (0, 1). */
export function checkShare(act: string, name: string, value: number): void {
  if (!(value > 0 && value < 1)) {
    throw new RangeError(`Cannot ${act}: ${name} between 0 and 1: received ${value}`);
  }
}

/** Refuses counts that are not whole numbers of at least 0, or more successes than trials. */
export function checkCounts(act: string, successes: number, trials: number): void {
  const whole = Number.isInteger(successes) && Number.isInteger(trials);
  if (!whole || successes < 0 || successes > trials || trials < 1) {
    throw new RangeError(
      `Cannot ${act}: whole numbers 0 ≤ successes ≤ trials and trials ≥ 1: received ${successes} of ${trials}`,
    );
  }
}
