/**
 * The operator table: for each operator its shape rule, its gradient rule and its standard ONNX form, side by side.
 *
 * A gradient that is asked for where no rule stands is an error, never a silent zero.
 *
 * @module
 */
import { ELEMENTWISE } from "./elementwise.ts";
import { INDEXING } from "./indexing.ts";
import { LAYOUT } from "./layout.ts";
import { MATRIX } from "./matrix.ts";
import { NEURAL } from "./neural.ts";
import type { Operator } from "./operator.ts";
import { REDUCTION } from "./reduction.ts";

/** Every operator by name. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  Object.entries({ ...ELEMENTWISE, ...MATRIX, ...LAYOUT, ...REDUCTION, ...INDEXING, ...NEURAL }),
);
