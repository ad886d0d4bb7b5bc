/**
 * Runs many cases in one graph, and compares gradient rules with central differences.
 *
 * Each case is projected onto random numbers, loss = Σ output · numbers. All cases move one element of theirs at a
 * time together, so that there are as many runs as the largest case has elements, not as all have.
 */
import { seeded } from "../../../core/prng.ts";
import { gradients } from "../autodiff.ts";
import { Graph, type Value } from "../graph.ts";
import { type Feed, type Provider, Session } from "../session.ts";
import { elements } from "../tensor.ts";
import { isDifferentiated, type OperatorCase, sized, valuesOf } from "./_cases.ts";

/** Numbers of a case. */
export interface CaseNumbers {
  readonly name: string;
  /** Its output. */
  readonly value: number[];
  /** Gradient of the loss with respect to each differentiated input. */
  readonly gradients: number[][];
}

/** Type of the inputs and losses; operators without float64 kernels keep float32 inside. */
type Precision = "float32" | "float64";

interface Built {
  readonly graph: Graph;
  readonly feeds: Record<string, Feed>;
}

/** Outputs `I.value`, `I.loss` and `I.gradient.J` of case I and its input J. */
function built(cases: readonly OperatorCase[], precision: Precision, differentiate: boolean): Built {
  const graph = new Graph();
  const feeds: Record<string, Feed> = {};
  for (const [at, each] of cases.entries()) {
    const type = each.single ? "float32" : precision;
    const values = each.inputs.map(({ kind, shape }, input) =>
      graph.input(`${at}.input.${input}`, kind === "index" ? "int64" : type, shape)
    );
    for (const [input, numbers] of valuesOf(each).entries()) {
      feeds[`${at}.input.${input}`] = feedOf(values[input]!, numbers);
    }
    const output = inType(graph, each.build(graph, values), precision);
    if (differentiate) graph.output(`${at}.value`, output);
    if (!isDifferentiated(each)) continue;
    const projection = graph.input(`${at}.projection`, precision, output.shape);
    const prng = seeded(2).fork(each.name);
    const numbers = Array.from({ length: elements(sized(output.shape)) }, () => 2 * prng() - 1);
    feeds[`${at}.projection`] = feedOf(projection, numbers);
    const product = graph.mul(output, projection);
    const axes = product.shape.map((_, axis) => axis);
    const loss = axes.length === 0 ? product : graph.reduceSum(product, axes);
    if (!differentiate) graph.output(`${at}.loss`, loss);
    else {
      const wanted = values.filter((_, input) => each.inputs[input]!.kind === "differentiated");
      for (const [input, gradient] of gradients(graph, loss, wanted).entries()) {
        graph.output(`${at}.gradient.${input}`, inType(graph, gradient, precision));
      }
    }
  }
  return { graph, feeds };
}

function inType(graph: Graph, value: Value, type: Precision): Value {
  return value.type === type ? value : graph.op("Cast", [value], { to: type });
}

function feedOf({ type, shape }: Value, numbers: readonly number[]): Feed {
  const data = type === "int64"
    ? BigInt64Array.from(numbers, BigInt)
    : type === "float64"
    ? Float64Array.from(numbers)
    : Float32Array.from(numbers);
  return { data, shape: sized(shape) };
}

function numbersOf(output: unknown): number[] {
  return Array.from((output as Feed).data as Float64Array);
}

/** Values and gradients of all cases, in one session. */
export async function caseNumbers(
  cases: readonly OperatorCase[],
  provider: Provider,
  precision: Precision,
): Promise<CaseNumbers[]> {
  const { graph, feeds } = built(cases, precision, true);
  await using session = await Session.create(graph, { provider, prepack: false });
  const outputs = await session.run(feeds);
  return cases.map(({ name, inputs }, at) => ({
    name,
    value: numbersOf(outputs[`${at}.value`]),
    gradients: inputs.filter(({ kind }) => kind === "differentiated").map((_, input) =>
      numbersOf(outputs[`${at}.gradient.${input}`])
    ),
  }));
}

/** Step of a case: rounding and curvature weigh about the same. */
const STEP = (single: boolean) => single ? 1e-2 : 1e-5;

/** Gradients of all cases by central differences, each flattened over its differentiated inputs. */
export async function centralDifferences(cases: readonly OperatorCase[]): Promise<number[][]> {
  const { graph, feeds } = built(cases, "float64", false);
  await using session = await Session.create(graph, { prepack: false, threads: 1 });
  const moved = cases.map(({ inputs }, at) =>
    inputs.flatMap(({ kind }, input) => {
      const data = feeds[`${at}.input.${input}`]!.data as Float64Array;
      return kind === "differentiated"
        ? Array.from(data, (start, element) => ({ data, element, start }))
        : [];
    })
  );
  const losses = async (turn: number, sign: number): Promise<number[]> => {
    for (const [at, places] of moved.entries()) {
      for (const [place, { data, element, start }] of places.entries()) {
        data[element] = start + (place === turn ? sign * STEP(cases[at]!.single) : 0);
      }
    }
    const outputs = await session.run(feeds);
    return cases.map((_, at) => moved[at]!.length === 0 ? 0 : numbersOf(outputs[`${at}.loss`])[0]!);
  };
  const differences = cases.map((): number[] => []);
  for (let turn = 0; turn < Math.max(...moved.map((places) => places.length)); turn++) {
    const [above, below] = [await losses(turn, 1), await losses(turn, -1)];
    for (const [at, { single }] of cases.entries()) {
      if (turn < moved[at]!.length) differences[at]!.push((above[at]! - below[at]!) / (2 * STEP(single)));
    }
  }
  return differences;
}
