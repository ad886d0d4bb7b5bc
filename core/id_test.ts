import assert from "node:assert/strict";
import fc from "fast-check";
import { GymError } from "./errors.ts";
import { hint, nearest, parseId, resolveId } from "./id.ts";

Deno.test("parseId() splits namespace, name and version", () => {
  assert.deepEqual(parseId("acme/triage-v2"), { namespace: "acme", name: "triage", version: 2 });
  assert.deepEqual(parseId("llm-gym/memory-buffer"), {
    namespace: "llm-gym",
    name: "memory-buffer",
    version: null,
  });
  assert.deepEqual(parseId("a/v1"), { namespace: "a", name: "v1", version: null });
});

Deno.test("parseId() refuses what is not an id, saying what was wanted", () => {
  for (const id of ["", "acme", "Acme/x", "acme/", "/x", "acme/x/y", "acme/x-v01", "acme/x y", "acme/-x"]) {
    assert.throws(
      () => parseId(id),
      new GymError(
        "INVALID_ID",
        `Cannot use id "${id}": wanted namespace/name or namespace/name-vN in lower case`,
        { id },
      ),
    );
  }
});

Deno.test("resolveId() means the newest version when none is named", () => {
  const known = ["a/x-v2", "a/x-v10", "a/x-v9", "a/y-v1"];
  assert.equal(resolveId("a/x", known), "a/x-v10");
  assert.equal(resolveId("a/x-v2", known), "a/x-v2");
  assert.equal(resolveId("a/x-v3", known), undefined);
  assert.equal(resolveId("a/z", known), undefined);
});

Deno.test("nearest() finds a slip of the pen and nothing far away", () => {
  assert.equal(
    nearest("knowlyr/sandbx-v1", ["knowlyr/sandbox-v1", "knowlyr/dialogue-v1"]),
    "knowlyr/sandbox-v1",
  );
  assert.equal(nearest("zzzzzz", ["knowlyr/sandbox-v1"]), undefined);
  assert.equal(hint("sft", ["dpo", "sft"]), `: did you mean "sft"?`);
  assert.equal(hint("sft", []), "");
});

Deno.test("nearest() finds every candidate by its own name", () => {
  fc.assert(fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (names) => {
    for (const name of names) assert.equal(nearest(name, names), name);
  }));
});
