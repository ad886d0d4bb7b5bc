/**
 * A run of a trainer in a process of its own: `_train_child.ts JOB.json`, with {trainer, options, given, killAt}. Prints each event as
 * a line, the number of file operations last; an error's code and message when there is one.
 */
import { beforeFileOperations } from "./_crash.ts";
import { stream, streamWith } from "../../plugins/trainers/_testing_test.ts";
import { dpoTrainer } from "../../plugins/trainers/mod.ts";
import { onlineStream } from "./_online.ts";

const { trainer, options, given, killAt } = JSON.parse(await Deno.readTextFile(Deno.args[0]!));
let operations = 0;
using _counting = beforeFileOperations((operation) => {
  operations = operation;
  if (operation === killAt) Deno.kill(Deno.pid, "SIGKILL");
});
try {
  const streams = {
    sft: () => stream(options, given),
    dpo: () => streamWith(dpoTrainer, options, given),
    online: () => onlineStream(options, given),
  };
  for await (const event of streams[(trainer ?? "sft") as keyof typeof streams]()) {
    console.log(JSON.stringify(event));
  }
} catch (thrown) {
  const { code, message } = thrown as { code?: string; message: string };
  console.log(JSON.stringify({ kind: "error", code, message }));
}
console.log(JSON.stringify({ kind: "operations", operations }));
