/**
 * What may be spent on a service, in tokens and in money. A request reserves what it may cost at most, as estimated, and
 * pays what it did cost; one that does not fit waits for those that run, and is refused when none are left.
 *
 * @module
 */
import { GymError } from "../../../core/errors.ts";

/** Prices in US dollars a million tokens. */
export interface Prices {
  readonly prompt: number;
  readonly completion: number;
}

/** Limits; null is none. */
export interface BudgetLimits {
  readonly tokens: number | null;
  readonly costUsd: number | null;
  readonly prices: Prices | null;
}

/** Tokens of one request. */
export interface Spent {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** What a number of tokens costs in US dollars; null without prices. */
export function costOf({ promptTokens, completionTokens }: Spent, prices: Prices | null): number | null {
  return prices === null ? null : (promptTokens * prices.prompt + completionTokens * prices.completion) / 1e6;
}

/** A budget. */
export class Budget {
  readonly #limits: BudgetLimits;
  readonly #spent = { tokens: 0, cost: 0 };
  readonly #reserved = { tokens: 0, cost: 0 };
  #running = 0;
  #settled = Promise.withResolvers<void>();

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  /**
   * Reserves room for a request.
   *
   * @returns Takes what was spent, null for nothing, and frees the rest.
   * @throws {GymError} `LIMIT_EXCEEDED` when the budget does not hold it.
   */
  async reserve(most: Spent): Promise<(spent: Spent | null) => void> {
    const need = this.#sums(most);
    while (!this.#fits(need)) {
      if (this.#running === 0) throw this.#refusal(need);
      await this.#settled.promise;
    }
    this.#running++;
    this.#add(this.#reserved, need, 1);
    return (spent) => {
      this.#running--;
      this.#add(this.#reserved, need, -1);
      if (spent !== null) this.#add(this.#spent, this.#sums(spent), 1);
      this.#settled.resolve();
      this.#settled = Promise.withResolvers();
    };
  }

  #sums(spent: Spent): { tokens: number; cost: number } {
    const { promptTokens, completionTokens } = spent;
    return { tokens: promptTokens + completionTokens, cost: costOf(spent, this.#limits.prices) ?? 0 };
  }

  #add(to: { tokens: number; cost: number }, of: { tokens: number; cost: number }, sign: 1 | -1): void {
    to.tokens += sign * of.tokens;
    to.cost += sign * of.cost;
  }

  #fits(need: { tokens: number; cost: number }): boolean {
    const { tokens, costUsd } = this.#limits;
    return (tokens === null || this.#spent.tokens + this.#reserved.tokens + need.tokens <= tokens) &&
      (costUsd === null || this.#spent.cost + this.#reserved.cost + need.cost <= costUsd + 1e-9);
  }

  #refusal(need: { tokens: number; cost: number }): GymError {
    const { tokens, costUsd } = this.#limits;
    const byTokens = tokens !== null && this.#spent.tokens + need.tokens > tokens;
    const message = byTokens
      ? `wanted at most ${tokens} tokens in all: received ${this.#spent.tokens} spent and up to ${need.tokens} more`
      : `wanted at most $${costUsd} in all: received $${dollars(this.#spent.cost)} spent and up to $${
        dollars(need.cost)
      } more`;
    return new GymError("LIMIT_EXCEEDED", `Cannot ask the model: ${message}`, {
      limit: byTokens ? tokens : costUsd,
      spent: byTokens ? this.#spent.tokens : this.#spent.cost,
    });
  }
}

function dollars(cost: number): string {
  return cost.toFixed(6).replace(/\.?0+$/, "");
}
