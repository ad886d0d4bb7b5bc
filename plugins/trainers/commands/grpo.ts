/**
 * `train grpo`: training on recorded groups of episodes.
 *
 * @module
 */
import type { Command } from "../../../core/command.ts";
import type { Contribution } from "../../../core/kind.ts";
import { grpoOptions, grpoTrainer } from "../grpo.ts";
import { trainCommand } from "./train.ts";

/** `train grpo`: training on recorded groups of episodes. */
export const trainGrpo: Contribution<Command> = trainCommand(grpoTrainer, {
  id: "knowlyr/train-grpo-v1",
  word: "grpo",
  summary: "Train a model on groups of its own recorded episodes, by which did better",
  options: grpoOptions,
  paths: ["model", "adapter"],
  encode: async () => (await import("./_grpo_rows.ts")).encodeGrpoRow,
  examples: [
    {
      line: "train grpo groups.jsonl --model models/smollm2 -o runs/grpo",
      does: "Trains adapters on what the exporter grpo wrote, with the tokens recorded there",
    },
    {
      line:
        "train grpo groups.jsonl --model models/smollm2 --level sequence --credit-weight 0.5 -o runs/grpo",
      does: "Clips by sequence, and gives better steps more of the advantage",
    },
  ],
});
