/**
 * A graph as text, one line a value, for review and snapshots.
 *
 * @module
 */
import { type Graph, signatureText } from "./graph.ts";

/** Renders a graph. */
export function graphText(graph: Graph): string {
  return `${lines(graph).join("\n")}\n`;
}

function lines(graph: Graph): string[] {
  const { inputs, initializers, nodes, outputs } = graph;
  return [
    ...inputs.map((value) => `input ${value.name}: ${signatureText(value)}`),
    ...initializers.map(({ value, source }) => {
      const place = "file" in source
        ? `weights ${source.name}`
        : source.length <= 8
        ? `[${Array.from(source as ArrayLike<number | bigint>).join(", ")}]`
        : `${source.length} numbers`;
      return `constant ${value.name}: ${signatureText(value)} = ${place}`;
    }),
    ...nodes.flatMap(({ operator, inputs, outputs, attributes, body }) => {
      const made = outputs.map((value) => `${value.name}: ${signatureText(value)}`).join(", ");
      const read = inputs.map((value) => value.name).join(", ");
      const how = Object.entries(attributes).map(([name, value]) => ` ${name}=${attributeText(value)}`).join(
        "",
      );
      const inside = body === undefined ? [] : lines(body).map((line) => `  ${line}`);
      return [`${made} = ${operator}(${read})${how}`, ...inside];
    }),
    ...outputs.map((value) => `output ${value.name}: ${signatureText(value)}`),
  ];
}

function attributeText(value: number | string | readonly (number | string)[]): string {
  return typeof value === "object" ? `[${value.join(",")}]` : String(value);
}
