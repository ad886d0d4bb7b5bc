/** Losses and gradients of the recorded batches on a provider, and the comparison with PyTorch's. */
import assert from "node:assert/strict";
import type { Provider } from "../../plugins/onnx/session.ts";
import { close, distance, golden, MODELS } from "./_golden.ts";
import { fullModel, type Lora, loraModel, lossAndGradients, type LossGrads } from "./_models.ts";

/** The model whose every tensor is trained; the others train adapters. */
const FULL = "tiny-qwen3";

/** What one batch gave; JSON holds it. */
export interface BatchNumbers {
  readonly what: string;
  readonly loss: number;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

/** Adapters of every model, and the whole of one. */
export async function providerNumbers(provider: Provider): Promise<BatchNumbers[]> {
  const all: BatchNumbers[] = [];
  for (const name of MODELS) {
    const numbers = await golden<Lora>(`${name}-lora`);
    const { model, values } = await loraModel(name, numbers.init);
    all.push(plain(`adapters of ${name}`, await lossAndGradients(model, values, numbers, provider)));
  }
  const { model, values } = await fullModel(FULL);
  const batch = await golden<LossGrads>(`${FULL}-loss-grads`);
  all.push(plain(`all of ${FULL}`, await lossAndGradients(model, values, batch, provider)));
  return all;
}

function plain(what: string, run: Awaited<ReturnType<typeof lossAndGradients>>): BatchNumbers {
  const gradients = [...run.gradients].map(([name, vector]) => [name, Array.from(vector)]);
  return { what, loss: run.loss, gradients: Object.fromEntries(gradients) };
}

/** Asserts that losses and gradients are PyTorch's, to 1e-4 of their size. */
export async function assertNumbers(received: readonly BatchNumbers[]): Promise<void> {
  const byWhat = new Map(received.map((each) => [each.what, each]));
  for (const name of MODELS) {
    const { loss_f64, grads } = await golden<Lora>(`${name}-lora`);
    const expected = Object.entries(grads).map(([tensor, rows]) =>
      [`${tensor}.weight`, rows.flat()] as const
    );
    assertBatch(byWhat.get(`adapters of ${name}`)!, loss_f64, expected);
  }
  const { loss_f64, grads } = await golden<LossGrads>(`${FULL}-loss-grads`);
  const expected = Object.entries(grads).map(([tensor, values]) =>
    [tensor, (values as number[][]).flat()] as const
  );
  assertBatch(byWhat.get(`all of ${FULL}`)!, loss_f64, expected);
}

function assertBatch(
  { what, loss, gradients }: BatchNumbers,
  expectedLoss: number,
  expected: readonly (readonly [string, readonly number[]])[],
): void {
  close(loss, expectedLoss, 1e-4, 0, `${what}: loss`);
  assert.ok(expected.length > 0, what);
  for (const [tensor, values] of expected) {
    const apart = distance(gradients[tensor]!, values);
    assert.ok(apart < 1e-4, `${what}: ${tensor}: ${apart}`);
  }
}
