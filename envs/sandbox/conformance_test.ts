import { createKernel } from "../../core/kernel.ts";
import { assertConforms } from "../../core/testing/report.ts";
import { checkEnv } from "../../core/testing/check_env.ts";
import runtimes from "../../plugins/runtimes/mod.ts";
import { sandbox } from "./sandbox.ts";

Deno.test("sandbox conforms to the contract of environments", async () => {
  const kernel = createKernel({ plugins: [runtimes] });
  const slowAction = { tool: "shell", params: { command: "sleep 60" } };
  assertConforms(await checkEnv(() => kernel.make(sandbox, {}), { slowAction }));
});
