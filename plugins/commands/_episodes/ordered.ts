/**
 * Work on several things at once, results in the order of the things.
 *
 * @module
 */

/**
 * Runs `work` on up to `concurrency` items at once and yields the results in order. No item is started more than
 * twice `concurrency` ahead of the one that is waited for, so what is held back stays small.
 *
 * The first failure stops the starting of further items. It is thrown after the results before it, when what is
 * under way has ended.
 */
export async function* inOrder<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const pending = new Map<number, Promise<R>>();
  let [started, taken, running, stopped] = [0, 0, 0, false];
  const run = async (item: T): Promise<R> => {
    try {
      return await work(item);
    } catch (thrown) {
      stopped = true;
      throw thrown;
    } finally {
      running--;
      fill();
    }
  };
  const fill = (): void => {
    while (!stopped && running < concurrency && started < Math.min(items.length, taken + 2 * concurrency)) {
      running++;
      const result = run(items[started]!);
      result.catch(() => {}); // thrown where it is awaited; until then it must not count as unhandled
      pending.set(started++, result);
    }
  };
  try {
    for (fill(); taken < items.length; fill()) {
      const result = pending.get(taken);
      if (result === undefined) break; // a later item failed before this one was started
      const value = await result;
      pending.delete(taken++);
      yield value;
    }
    await Promise.all(pending.values());
  } finally {
    stopped = true;
    await Promise.allSettled(pending.values());
  }
}
