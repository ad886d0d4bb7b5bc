/**
 * What follows from clauses: satisfiability by DPLL, and how many steps unit resolution needs.
 *
 * Source: Davis, Logemann and Loveland 1962, A machine program for theorem-proving (doi:10.1145/368273.368557). Puzzles have at
 * most {@linkcode MAX_VARIABLES} variables, so there are no watched literals and no learning.
 *
 * @module
 */

/** Variables of a puzzle, at most. */
export const MAX_VARIABLES = 12;

/** Disjunctions of literals, all of which hold. */
export type Clauses = readonly (readonly number[])[];

/** Whether some assignment satisfies all clauses. */
export function isSatisfiable(clauses: Clauses): boolean {
  if (clauses.length === 0) return true;
  if (clauses.some((clause) => clause.length === 0)) return false;
  const unit = clauses.find((clause) => clause.length === 1)?.[0];
  if (unit !== undefined) return isSatisfiable(assigned(clauses, unit));
  const literal = clauses[0]![0]!;
  return isSatisfiable(assigned(clauses, literal)) || isSatisfiable(assigned(clauses, -literal));
}

/** Whether `literal` holds in every assignment that satisfies the clauses. */
export function entails(clauses: Clauses, literal: number): boolean {
  return !isSatisfiable([...clauses, [-literal]]);
}

/** The value that the clauses give a variable, or null when they leave it open. */
export function valueOf(clauses: Clauses, variable: number): boolean | null {
  if (entails(clauses, variable + 1)) return true;
  return entails(clauses, -(variable + 1)) ? false : null;
}

/** The one assignment that satisfies the clauses, or null when there is none or more than one. */
export function onlyModel(clauses: Clauses, variables: number): boolean[] | null {
  if (!isSatisfiable(clauses)) return null;
  const model = Array.from({ length: variables }, (_, variable) => valueOf(clauses, variable));
  return model.every((value) => value !== null) ? model : null;
}

/**
 * For each variable the round of unit resolution that finds it: 0 for what a premise states, 1 for what follows from
 * that in one step, and so on; Infinity for what unit resolution never finds.
 */
export function depthsOf(clauses: Clauses, variables: number): number[] {
  const depths = Array<number>(variables).fill(Infinity);
  let open = clauses;
  for (let round = 0; open.some((clause) => clause.length === 1); round++) {
    const units = open.flatMap((clause) => clause.length === 1 ? [clause[0]!] : []);
    for (const unit of units) {
      depths[Math.abs(unit) - 1] = Math.min(depths[Math.abs(unit) - 1]!, round);
      open = assigned(open, unit);
    }
  }
  return depths;
}

function assigned(clauses: Clauses, literal: number): Clauses {
  return clauses.filter((clause) => !clause.includes(literal))
    .map((clause) => clause.includes(-literal) ? clause.filter((other) => other !== -literal) : clause);
}
