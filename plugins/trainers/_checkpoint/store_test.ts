import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { seeded } from "../../../core/prng.ts";
import { type CheckpointOptions, CheckpointStore, LATEST_FILE, type SaveOptions } from "./mod.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "gym-checkpoint-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A store, what it said, and a save of two files that tell their step. */
async function opened(folder: string, options: CheckpointOptions = {}) {
  const notices: string[] = [];
  const store = await CheckpointStore.open(folder, { onNotice: (text) => notices.push(text), ...options });
  const save = (step: number, options?: SaveOptions) =>
    store.save(step, async (into) => {
      await Deno.mkdir(join(into, "adapter"));
      await Deno.writeTextFile(join(into, "adapter/weights"), `weights of ${step}`.repeat(100));
      await Deno.writeTextFile(join(into, "state.json"), String(step));
    }, options);
  return { store, notices, save };
}

const namesIn = (folder: string): string[] => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const pointer = (folder: string): string => Deno.readTextFileSync(join(folder, LATEST_FILE));

Deno.test("CheckpointStore gives back what was saved last, and names it in a text file", () =>
  inFolder(async (folder) => {
    const { store, save } = await opened(folder);
    assert.equal(await store.latest(), null);
    assert.equal(await save(120, { metric: 0.5 }), join(folder, "checkpoint-000120"));
    assert.deepEqual(await store.latest(), {
      step: 120,
      folder: join(folder, "checkpoint-000120"),
      metric: 0.5,
      files: ["adapter/weights", "state.json"],
    });
    assert.equal(pointer(folder), "checkpoint-000120\n");
    assert.deepEqual(namesIn(folder), ["checkpoint-000120", "latest"]);
    await save(1_234_567);
    assert.equal(pointer(folder), "checkpoint-1234567\n");
    assert.equal((await store.latest())?.metric, null);
  }));

Deno.test("CheckpointStore keeps the newest and the best and removes the rest", () =>
  inFolder(async (folder) => {
    const metrics = [5, 1, 4, NaN, 3, 1, 2, 9];
    for (const [best, wanted, step] of [["min", [6, 7, 8], 6], ["max", [7, 8], 8]] as const) {
      const { store, save } = await opened(join(folder, best), { keep: 2, keepBest: 1, best });
      for (const [at, metric] of metrics.entries()) await save(at + 1, { metric });
      assert.deepEqual(await store.steps(), wanted);
      assert.equal((await store.best())?.step, step);
    }
    const { store, save } = await opened(join(folder, "none"), { keep: 1, keepBest: 0 });
    for (const step of [1, 2, 3]) await save(step, { metric: step });
    assert.deepEqual(await store.steps(), [3]);
  }));

Deno.test("CheckpointStore keeps, whatever the metrics, the newest ones and one of the best value", () =>
  inFolder(async (folder) => {
    let run = 0;
    const metrics = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(metrics, fc.integer({ min: 1, max: 3 }), async (values, keep) => {
        const store = await CheckpointStore.open(join(folder, String(run++)), { keep });
        for (const [step, metric] of values.entries()) {
          await store.save(step, () => Promise.resolve(), { metric });
        }
        const steps = await store.steps();
        assert.deepEqual(steps.slice(-keep), [...values.keys()].slice(-keep));
        assert.ok(steps.length <= keep + 1);
        assert.equal((await store.best())?.metric, Math.min(...values));
      }),
      { numRuns: 15 },
    );
  }));

Deno.test("CheckpointStore passes over a checkpoint whose files are not what was saved", async (t) => {
  const breakages: Readonly<Record<string, (checkpoint: string) => Promise<void>>> = {
    "adapter/weights: wanted 1200 bytes: received 700": (path) =>
      Deno.truncate(join(path, "adapter/weights"), 700),
    "state.json: it is not there": (path) => Deno.remove(join(path, "state.json")),
    "state.json: wanted SHA-256 4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce: received 4b227777d4dd1fc61c6f884f48641d02b4d121d3fd328cb08b5531fcacdabf8a":
      (path) => Deno.writeTextFile(join(path, "state.json"), "4"),
    "manifest.json: Unexpected end of JSON input": (path) => Deno.truncate(join(path, "manifest.json")),
    'manifest.json: files.../../x: invalid key in record: received {"bytes":0,"sha256":"00000000000000000000000000000000000000000000000000000000...':
      (path) =>
        Deno.writeTextFile(
          join(path, "manifest.json"),
          JSON.stringify({
            step: 3,
            metric: null,
            files: { "../../x": { bytes: 0, sha256: "0".repeat(64) } },
          }),
        ),
    "wanted step 3: received 2": (path) =>
      Deno.copyFile(join(path, "../checkpoint-000002/manifest.json"), join(path, "manifest.json")).then(() =>
        Promise.all(
          ["state.json", "adapter/weights"].map((file) =>
            Deno.copyFile(join(path, "../checkpoint-000002", file), join(path, file))
          ),
        )
      ).then(() => {}),
  };
  for (const [problem, breakIt] of Object.entries(breakages)) {
    await t.step(problem, () =>
      inFolder(async (folder) => {
        const { store, notices, save } = await opened(folder);
        await save(2);
        const broken = await save(3);
        await breakIt(broken);
        assert.equal((await store.latest())?.step, 2);
        assert.deepEqual(notices, [`Cannot use checkpoint "${broken}": ${problem}`]);
        await save(3); // the run goes on from 2 and comes here again
        assert.equal((await store.latest())?.step, 3);
      }));
  }
});

Deno.test("CheckpointStore leaves everything as it was when a save fails", async (t) => {
  const failures: Readonly<Record<string, readonly [(into: string) => Promise<void>, RegExp]>> = {
    "the writer throws": [() => Promise.reject(new Error("out of patience")), /^out of patience$/],
    "the disk is full": [() => Deno.writeFile("/dev/full", new Uint8Array(1)), /No space left on device/],
    "what was written cannot be kept": [
      (into) => Deno.symlink("/etc", join(into, "link")),
      /Cannot keep "link" in a checkpoint: wanted a file: received a link or device$/,
    ],
    "a file has the manifest's name": [
      (into) => Deno.writeTextFile(join(into, "manifest.json"), "{}"),
      /File exists/,
    ],
  };
  for (const [name, [failing, message]] of Object.entries(failures)) {
    await t.step(name, () =>
      inFolder(async (folder) => {
        const { store, save } = await opened(folder);
        await save(1);
        const write = async (into: string) => {
          await Deno.writeTextFile(join(into, "half"), "x");
          await failing(into);
        };
        for (const step of [1, 2]) {
          await assert.rejects(store.save(step, write), (thrown: Error) => {
            assert.match(thrown.message, message);
            return true;
          });
          assert.equal((await store.latest())?.step, 1);
          assert.deepEqual(namesIn(folder), ["checkpoint-000001", "latest"]);
        }
      }));
  }
});

Deno.test("CheckpointStore ends what a killed process began", () =>
  inFolder(async (folder) => {
    const { store, save } = await opened(folder);
    await save(1);
    await save(2);
    await Deno.rename(join(folder, "checkpoint-000002"), join(folder, "checkpoint-000002.old")); // while replacing
    await Deno.mkdir(join(folder, "checkpoint-000002.part"));
    await Deno.mkdir(join(folder, "checkpoint-000009.part"));
    assert.equal((await store.latest())?.step, 2);
    await save(3);
    assert.deepEqual(namesIn(folder), ["checkpoint-000002", "checkpoint-000003", "latest"]);
    assert.equal((await store.latest())?.step, 3);
  }));

Deno.test("CheckpointStore refuses to save before a whole checkpoint of a later step, and rewinds on demand", () =>
  inFolder(async (folder) => {
    const { store, save } = await opened(folder, { keep: 3 });
    for (const step of [10, 20, 30]) await save(step);
    await assert.rejects(save(15), {
      name: "RangeError",
      message: `Cannot save checkpoint in "${folder}": step: wanted at least 20, which is there: received 15`,
    });
    await store.rewind(10);
    assert.equal(pointer(folder), "checkpoint-000010\n");
    await save(15);
    assert.deepEqual(await store.steps(), [10, 15]);
    await store.rewind(0);
    assert.deepEqual(namesIn(folder), []);
  }));

Deno.test("CheckpointStore refuses numbers that cannot be", () =>
  inFolder(async (folder) => {
    await assert.rejects(CheckpointStore.open(folder, { keep: 0 }), {
      name: "RangeError",
      message: "Cannot keep checkpoints: keep: wanted a whole number of at least 1: received 0",
    });
    const { save } = await opened(folder);
    await assert.rejects(save(1.5), {
      name: "RangeError",
      message: "Cannot keep checkpoints: step: wanted a whole number of at least 0: received 1.5",
    });
  }));

/** Saves every step twice for ever, from the step after the newest on, and says each that is done. */
const SAVING = `
  import { CheckpointStore } from "${new URL("./store.ts", import.meta.url).href}";
  const store = await CheckpointStore.open(Deno.args[0], { onNotice: (text) => { throw new Error(text) } });
  const chunk = new Uint8Array(100_000);
  for (let save = 2 * ((await store.latest())?.step ?? 0) + 2;; save++) {
    const step = Math.floor(save / 2);
    await store.save(step, async (into) => {
      for (const name of ["a", "b", "c"]) {
        using file = await Deno.open(into + "/" + name, { write: true, create: true });
        for (let i = 0; i < 5; i++) await file.write(chunk.fill(step));
      }
    }, { metric: -step });
    Deno.stdout.writeSync(new TextEncoder().encode(step + "\\n"));
  }`;

/** Starts saving, kills it `delayMs` after its first save, and gives the last step it said was saved. */
async function killedAfter(folder: string, delayMs: number): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--ext=js", SAVING, folder],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let said = "";
  const errors = new Response(child.stderr).text();
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    if (said === "") setTimeout(() => child.kill("SIGKILL"), delayMs);
    said += text;
  }
  const { signal } = await child.status;
  assert.equal(signal, "SIGKILL", await errors);
  return Math.max(...said.trim().split("\n").map(Number));
}

Deno.test("CheckpointStore has a whole newest checkpoint after a kill at any moment", () =>
  inFolder(async (folder) => {
    const prng = seeded(7);
    for (let kill = 0; kill < 12; kill++) {
      const said = await killedAfter(folder, Math.floor(prng() * 60));
      const { store, notices } = await opened(folder);
      const newest = await store.latest();
      assert.ok(
        newest !== null && newest.step >= said && newest.step <= said + 1,
        `${newest?.step} after ${said}`,
      );
      assert.deepEqual(notices, []);
      for (const name of newest.files) {
        const bytes = await Deno.readFile(join(newest.folder, name));
        assert.ok(bytes.length === 500_000 && bytes.every((byte) => byte === newest.step % 256));
      }
    }
  }));
