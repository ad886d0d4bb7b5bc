import assert from "node:assert/strict";
import { z } from "zod";
import { GymError, PluginError } from "./errors.ts";
import { createKernel } from "./kernel.ts";
import { defineKind } from "./kind.ts";
import { definePlugin, type Plugin } from "./plugin.ts";
import { noOptions } from "./schema.ts";

interface Bell {
  ring(): string;
}
const bell = defineKind<Bell>("bell");
const brass = bell("acme/brass-v1", {
  description: "Rings",
  options: z.strictObject({ times: z.number().int().min(1).default(1) }),
  create: ({ times }) => ({ ring: () => "ding".repeat(times) }),
});
const brass2 = bell("acme/brass-v2", {
  description: "Rings",
  options: noOptions,
  create: () => ({ ring: () => "dong" }),
});
const broken = bell("acme/broken-v1", {
  description: "Breaks",
  options: noOptions,
  create: (): Bell => {
    throw new Error("cracked");
  },
});
const acme = definePlugin({
  name: "acme/bells",
  version: "1.0.0",
  provides: [brass, brass2, broken],
  kinds: [],
});
const gym = createKernel({ plugins: [acme] });

Deno.test("make() makes by handle with typed options and by id with checked ones", async () => {
  assert.equal((await gym.make(brass, { times: 2 })).ring(), "dingding");
  assert.equal((await gym.make(bell, "acme/brass-v1", { times: 3 })).ring(), "dingdingding");
  assert.equal((await gym.make(bell, "acme/brass-v1")).ring(), "ding");
  // @ts-expect-error times is a number: the handle carries the type of its options
  await assert.rejects(gym.make(brass, { times: "2" }));
});

Deno.test("make() takes the newest version when the id names none", async () => {
  assert.equal((await gym.make(bell, "acme/brass")).ring(), "dong");
});

Deno.test("make() offers the nearest id", async () => {
  await assert.rejects(gym.make(bell, "acme/bras-v1"), {
    code: "UNKNOWN_ID",
    message: `Cannot make bell "acme/bras-v1": no such id: did you mean "acme/brass-v1"?`,
  });
  await assert.rejects(gym.make(bell, "other/thing"), {
    code: "UNKNOWN_ID",
    message:
      `Cannot make bell "other/thing": no such id: known are acme/brass-v1, acme/brass-v2, acme/broken-v1`,
  });
});

Deno.test("make() names the option, what was wanted and what came", async () => {
  await assert.rejects(gym.make(bell, "acme/brass-v1", { times: "two" }), {
    code: "INVALID_OPTIONS",
    message: `Cannot use options of bell "acme/brass-v1": times: expected number: received "two"`,
  });
  await assert.rejects(gym.make(bell, "acme/brass-v1", { tims: 2 }), {
    code: "INVALID_OPTIONS",
    message: `Cannot use options of bell "acme/brass-v1": tims: unknown field: did you mean "times"?`,
  });
});

Deno.test("make() attributes what a plugin throws, with the original as cause", async () => {
  await assert.rejects(gym.make(bell, "acme/broken-v1"), (thrown: unknown) => {
    assert.ok(thrown instanceof PluginError);
    assert.equal(thrown.message, `Cannot create bell "acme/broken-v1" of plugin "acme/bells": cracked`);
    assert.equal((thrown.cause as Error).message, "cracked");
    return true;
  });
});

Deno.test("createKernel() refuses two plugins with the same id and names both", () => {
  const other: Plugin = { name: "zeta/bells", version: "1.0.0", provides: [brass] };
  assert.throws(() => createKernel({ plugins: [acme, other] }), {
    code: "CLASHING_ID",
    message:
      `Cannot load plugin "zeta/bells": bell "acme/brass-v1" is already provided by plugin "acme/bells"`,
  });
});

Deno.test("createKernel() refuses another version of a kind's contract", async () => {
  const bell2 = defineKind<Bell>("bell", 2);
  const next: Plugin = {
    name: "zeta/bells",
    version: "1.0.0",
    provides: [
      bell2("zeta/tin-v1", { description: "", options: noOptions, create: () => ({ ring: () => "" }) }),
    ],
  };
  assert.throws(() => createKernel({ plugins: [acme, next] }), {
    code: "CONTRACT_VERSION",
    message:
      `Cannot load plugin "zeta/bells": bell "zeta/tin-v1" is written for version 2 of its contract, plugin "acme/bells" uses version 1`,
  });
  const alone = createKernel({ plugins: [next] });
  await assert.rejects(alone.make(bell, "zeta/tin-v1"), {
    code: "CONTRACT_VERSION",
    message:
      `Cannot make bell "zeta/tin-v1": plugin "zeta/bells" is written for version 2 of the contract: wanted 1`,
  });
});

Deno.test("createKernel() lists what it holds, sorted, and cannot be changed", () => {
  assert.deepEqual(gym.list(bell).map((entry) => entry.contribution.id), [
    "acme/brass-v1",
    "acme/brass-v2",
    "acme/broken-v1",
  ]);
  assert.deepEqual(gym.kinds, ["bell"]);
  assert.ok(Object.isFrozen(gym) && Object.isFrozen(gym.plugins) && Object.isFrozen(gym.kinds));
});

Deno.test("definePlugin() fails at the author's line", () => {
  const invalid = (plugin: unknown, code: string, message: string) =>
    assert.throws(() => definePlugin(plugin as Plugin), (thrown: unknown) => {
      assert.ok(thrown instanceof GymError);
      assert.equal(thrown.code, code);
      assert.equal(thrown.message, message);
      return true;
    });
  invalid(
    { name: "acme/x", version: "1", provides: [brass, brass] },
    "CLASHING_ID",
    `Cannot use plugin "acme/x": it provides bell "acme/brass-v1" twice`,
  );
  invalid(
    { name: "Acme", version: "1", provides: [] },
    "INVALID_ID",
    `Cannot use id "Acme": wanted namespace/name or namespace/name-vN in lower case`,
  );
  invalid(
    { name: "acme/x", version: 1, provides: [] },
    "INVALID_PLUGIN",
    `Cannot use plugin "acme/x": wanted a version, a text`,
  );
  invalid(
    { name: "acme/x", version: "1", provides: [{}] },
    "INVALID_PLUGIN",
    `Cannot use plugin "acme/x": wanted a contribution at provides.0: received {}`,
  );
  invalid(
    { name: "acme/x", version: "1" },
    "INVALID_PLUGIN",
    `Cannot use plugin "acme/x": wanted provides, an array of contributions`,
  );
});

Deno.test("defineKind() wants one lower-case word and an id that follows the grammar", () => {
  assert.throws(() => defineKind("Two Words"), { code: "INVALID_ID" });
  assert.throws(
    () => bell("nope", { description: "", options: noOptions, create: () => ({ ring: () => "" }) }),
    { code: "INVALID_ID" },
  );
});
