/**
 * `train dpo`: training on preferences.
 *
 * @module
 */
import type { Command } from "../../../core/command.ts";
import type { Contribution } from "../../../core/kind.ts";
import { dpoOptions, dpoTrainer } from "../dpo.ts";
import { trainCommand } from "./train.ts";

/** `train dpo`: training on preferences. */
export const trainDpo: Contribution<Command> = trainCommand(dpoTrainer, {
  id: "knowlyr/train-dpo-v1",
  word: "dpo",
  summary: "Train a model on preferences: pairs of answers, or answers with a label",
  options: dpoOptions,
  paths: ["model", "adapter"],
  encode: async () => (await import("./_dpo_rows.ts")).encodeDpoRow,
  examples: [
    {
      line: "train dpo pairs.jsonl --model models/smollm2 -o runs/dpo",
      does: "Trains adapters so that chosen answers become likelier than rejected ones",
    },
    {
      line: "train dpo pairs.jsonl --model models/smollm2 --adapter runs/sft/final --loss ipo -o runs/dpo",
      does: "Goes on from an adapter, which is the reference as well, with another loss",
    },
  ],
});
