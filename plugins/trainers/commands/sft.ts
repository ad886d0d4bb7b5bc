/**
 * `train sft`: supervised fine-tuning.
 *
 * @module
 */
import type { Command } from "../../../core/command.ts";
import type { Contribution } from "../../../core/kind.ts";
import { sftOptions, sftTrainer } from "../sft.ts";
import type { EncodeOne } from "./_show.ts";
import { trainCommand } from "./train.ts";

/** How `sft` encodes a row. */
export async function sftEncoder(): Promise<EncodeOne> {
  return (await import("./_sft_rows.ts")).encodeSftRow;
}

/** `train sft`: supervised fine-tuning. */
export const trainSft: Contribution<Command> = trainCommand(sftTrainer, {
  id: "knowlyr/train-sft-v1",
  word: "sft",
  summary: "Fine-tune a model on conversations, instructions or plain text",
  options: sftOptions,
  paths: ["model", "adapter"],
  encode: sftEncoder,
  examples: [
    {
      line: "train sft sft.jsonl --model models/smollm2 -o runs/sft",
      does: "Trains adapters; metrics, checkpoints and the result lie in runs/sft",
    },
    {
      line: "train sft sft.jsonl --config sft.yaml --learning-rate 1e-4 -o runs/sft",
      does: "Takes options from a file, and one of them from the line",
    },
  ],
});
