/**
 * The numbers of an evaluation as people read them.
 *
 * @module
 */

/** A number of an evaluation. */
export interface Measured {
  /** Name of the metric. */
  readonly name: string;
  /** The number. */
  readonly value: number;
  /** Bounds of its interval; null when it has none. */
  readonly interval: { readonly low: number; readonly high: number } | null;
}

/**
 * What an evaluation came to, for people: `xLow` and `xHigh` are the interval of `x`. Of one by acting, which has
 * `success`, only this and `reward`: what else is there says the same in another way, or is told by a notice.
 */
export function measuredIn(metrics: Readonly<Record<string, number>>): readonly Measured[] {
  const isBound = (name: string) => /.(Low|High)$/.test(name) && name.replace(/(Low|High)$/, "") in metrics;
  const names = Object.keys(metrics).filter((name) => !isBound(name));
  const shown = "success" in metrics ? names.filter((name) => ["success", "reward"].includes(name)) : names;
  return shown.map((name) => {
    const [low, high] = [metrics[`${name}Low`], metrics[`${name}High`]];
    const interval = low === undefined || high === undefined ? null : { low, high };
    return { name, value: metrics[name]!, interval }; // sound: the name is a key
  });
}
