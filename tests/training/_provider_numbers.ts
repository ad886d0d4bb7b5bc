/** Losses and gradients of the recorded batches on a provider, and the comparison with PyTorch's. */
import assert from "node:assert/strict";
import type { Provider } from "../../plugins/onnx/session.ts";
import { close, distance, golden } from "./_golden.ts";
import { fullModel, type Lora, loraModel, lossAndGradients, type LossGrads } from "./_models.ts";

/** Trains adapters; has biases. */
const ADAPTED = "tiny-qwen2";

/** Trains every tensor; has norms of heads. A third model would add a quarter of a minute and no kind of node. */
const FULL = "tiny-qwen3";

/** What one batch gave; JSON holds it. */
export interface BatchNumbers {
  readonly loss: number;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

/** Adapters of one model, and the whole of another. */
export async function providerNumbers(provider: Provider): Promise<BatchNumbers[]> {
  const adapters = await golden<Lora>(`${ADAPTED}-lora`);
  const adapted = await loraModel(ADAPTED, adapters.init);
  const batch = await golden<LossGrads>(`${FULL}-loss-grads`);
  const full = await fullModel(FULL);
  return [
    plain(await lossAndGradients(adapted.model, adapted.values, adapters, { provider })),
    plain(await lossAndGradients(full.model, full.values, batch, { provider })),
  ];
}

function plain(run: Awaited<ReturnType<typeof lossAndGradients>>): BatchNumbers {
  const gradients = [...run.gradients].map(([name, vector]) => [name, Array.from(vector)]);
  return { loss: run.loss, gradients: Object.fromEntries(gradients) };
}

/** Asserts that losses and gradients are PyTorch's, to 1e-4 of their size. */
export async function assertNumbers([adapted, full]: readonly BatchNumbers[]): Promise<void> {
  const adapters = await golden<Lora>(`${ADAPTED}-lora`);
  const expected = Object.entries(adapters.grads).map(([tensor, rows]) =>
    [`${tensor}.weight`, rows.flat()] as const
  );
  assertBatch(`adapters of ${ADAPTED}`, adapted!, adapters.loss_f64, expected);
  const batch = await golden<LossGrads>(`${FULL}-loss-grads`);
  const all = Object.entries(batch.grads).map(([tensor, rows]) =>
    [tensor, (rows as number[][]).flat()] as const
  );
  assertBatch(`all of ${FULL}`, full!, batch.loss_f64, all);
}

function assertBatch(
  what: string,
  { loss, gradients }: BatchNumbers,
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
