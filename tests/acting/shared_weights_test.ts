/** Weights in memory: mapped from their file, so that a trainer and a policy hold them once. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { initModel } from "../../plugins/models/init.ts";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

Deno.test({
  name: "a trainer's session and a policy on one float32 file, not packed anew, hold its weights once",
  ignore: Deno.build.os !== "linux", // where /proc tells what is mapped
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const size = { layers: 2, hiddenSize: 1024, heads: 8, keyValueHeads: 8, intermediateSize: 4096 };
      await initModel(folder, { seed: 1n, size, contextLength: 256 });
      const { size: bytes } = await Deno.stat(`${folder}/model.safetensors`);
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--config", path("../../deno.json"), path("_weights_child.ts"), folder],
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const grown = Number(new TextDecoder().decode(stdout));
      assert.ok(grown > 0 && grown < bytes / 2, `${grown} bytes beside ${bytes} that are mapped`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
