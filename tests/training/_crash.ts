/**
 * Moments to die at: everything that changes files counts as one operation, and before a chosen one the process is
 * killed. Operations come in the same order in every run, so moments are exact and repeatable.
 */

const ASYNC = ["mkdir", "open", "remove", "rename", "writeTextFile", "writeFile", "copyFile"] as const;

/** Counts operations from now on and calls `before` ahead of each, with its number from 1. */
export function beforeFileOperations(before: (operation: number) => void): Disposable {
  const deno = Deno as unknown as Record<string, (...args: unknown[]) => unknown>; // sound: only functions are touched
  const file = Deno.FsFile.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  let operation = 0;
  const undo: (() => void)[] = [];
  for (const [owner, names] of [[deno, ASYNC], [file, ["write", "sync"]]] as const) {
    for (const name of names) {
      const real = owner[name]!;
      owner[name] = function (this: unknown, ...args: unknown[]): unknown {
        before(++operation);
        return real.apply(this, args);
      };
      undo.push(() => void (owner[name] = real));
    }
  }
  return { [Symbol.dispose]: () => undo.forEach((each) => each()) };
}
