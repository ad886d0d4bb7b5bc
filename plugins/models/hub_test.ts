import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { GymError } from "../../core/errors.ts";
import { assertFails, inFolder, namesIn } from "./_testing_test.ts";
import { downloadModel, type DownloadOptions, isModelFile } from "./hub.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** Bytes that differ from place to place, so that a wrong order shows. */
const bytesOf = (length: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const gitHash = (bytes: Uint8Array): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

const FILES: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "config.json": new TextEncoder().encode('{"hidden_size": 1}'),
  "model.safetensors": bytesOf(200_000),
  "onnx/model.onnx": bytesOf(10),
  "pytorch_model.bin": bytesOf(10),
};

/** Answers instead of the file, or lets it pass. */
type Fault = (request: Request, path: string, attempt: number) => Response | undefined;

interface Hub {
  readonly endpoint: string;
  /** Path, range and authorization of each request. */
  readonly seen: readonly (readonly [string, string | null, string | null])[];
}

/** A hub that keeps one model, as huggingface.co answers. */
async function withHub(
  use: (hub: Hub) => Promise<void>,
  fault: Fault = () => undefined,
  change: (siblings: Record<string, unknown>[]) => void = () => {},
): Promise<void> {
  const seen: (readonly [string, string | null, string | null])[] = [];
  const siblings = Object.entries(FILES).map(([rfilename, bytes]): Record<string, unknown> =>
    rfilename.endsWith(".json") ? { rfilename, size: bytes.length, blobId: gitHash(bytes) } : {
      rfilename,
      size: bytes.length,
      blobId: "0".repeat(40),
      lfs: { sha256: sha256(bytes), size: bytes.length },
    }
  );
  change(siblings);
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    seen.push([pathname, request.headers.get("range"), request.headers.get("authorization")]);
    const path = pathname.split("/").at(-1)!;
    const attempt = seen.filter(([other]) => other === pathname).length;
    const wrong = fault(request, path, attempt);
    if (wrong !== undefined) return wrong;
    if (pathname.startsWith("/api/")) return Response.json({ sha: COMMIT, siblings });
    return served(FILES[path]!, request.headers.get("range"));
  });
  await use({ endpoint: `http://127.0.0.1:${server.addr.port}`, seen });
}

function served(bytes: Uint8Array<ArrayBuffer>, range: string | null): Response {
  if (range === null) return new Response(bytes);
  const start = Number(/^bytes=(\d+)-$/.exec(range)![1]);
  if (start >= bytes.length) return new Response(null, { status: 416 });
  const headers = { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
  return new Response(bytes.subarray(start), { status: 206, headers });
}

/** A response that stops coming after `length` bytes, and whose connection breaks when `until` says so. */
function cut(bytes: Uint8Array<ArrayBuffer>, length: number, until: Promise<unknown>): Response {
  const body = new ReadableStream({
    start: (controller) => {
      controller.enqueue(bytes.subarray(0, length));
      until.then(() => controller.close());
    },
  });
  return new Response(body, { headers: { "content-length": String(bytes.length) } });
}

const NEVER: Promise<unknown> = new Promise(() => {});

/** Options of a download that waits for nothing, and what it would have waited. */
function options(folder: string, { endpoint }: Hub): DownloadOptions & { readonly waits: number[] } {
  const waits: number[] = [];
  const sleep = (ms: number): Promise<void> => Promise.resolve(void waits.push(ms));
  return { folder: join(folder, "model"), endpoint, sleep, waits };
}

function assertComplete(folder: string): void {
  assert.deepEqual(namesIn(folder), ["model"]);
  assert.deepEqual(namesIn(join(folder, "model")), ["config.json", "model.safetensors"]);
  for (const name of namesIn(join(folder, "model"))) {
    assert.deepEqual(Deno.readFileSync(join(folder, "model", name)), FILES[name]);
  }
}

const WEIGHTS = `/acme/tiny/resolve/${COMMIT}/model.safetensors`;

Deno.test("downloadModel() fetches what a model needs, at the commit of the revision", () =>
  inFolder((folder) =>
    withHub(async (hub) => {
      const progress: string[] = [];
      const given = options(folder, hub);
      const done = await downloadModel("acme/tiny", {
        ...given,
        revision: "refs/pr/1",
        onProgress: ({ file, received, bytes }) => void progress.push(`${file} ${received}/${bytes}`),
      });
      assert.deepEqual(done, {
        id: "acme/tiny",
        commit: COMMIT,
        folder: given.folder,
        files: [{ path: "config.json", bytes: 18 }, { path: "model.safetensors", bytes: 200_000 }],
      });
      assertComplete(folder);
      assert.deepEqual(hub.seen.map(([path]) => path), [
        "/api/models/acme/tiny/revision/refs%2Fpr%2F1",
        `/acme/tiny/resolve/${COMMIT}/config.json`,
        WEIGHTS,
      ]);
      assert.deepEqual([progress[0], progress.at(-1)], [
        "config.json 18/18",
        "model.safetensors 200000/200000",
      ]);
      assert.deepEqual(given.waits, []);
    })
  ));

Deno.test("downloadModel() goes on where the connection broke", () =>
  inFolder((folder) => {
    const arrived = Promise.withResolvers<void>();
    return withHub(
      async (hub) => {
        const given = options(folder, hub);
        const onProgress = ({ received }: { received: number }): void => {
          if (received === 120_000) arrived.resolve();
        };
        await downloadModel("acme/tiny", { ...given, onProgress });
        assertComplete(folder);
        const ranges = hub.seen.filter(([path]) => path === WEIGHTS).map(([, range]) => range);
        assert.deepEqual(ranges, [null, "bytes=120000-"]);
        assert.deepEqual(given.waits, [1000]);
      },
      (_request, path, attempt) =>
        path === "model.safetensors" && attempt === 1
          ? cut(FILES[path]!, 120_000, arrived.promise)
          : undefined,
    );
  }));

Deno.test("downloadModel() goes on where an earlier run was stopped, and fetches no file twice", () =>
  inFolder((folder) => {
    const stop = new AbortController();
    return withHub(
      async (hub) => {
        const given = options(folder, hub);
        const onProgress = ({ file, received }: { file: string; received: number }): void => {
          if (file === "model.safetensors" && received >= 50_000) {
            stop.abort(new GymError("INTERRUPTED", "Cannot go on: interrupted"));
          }
        };
        await assertFails(
          () => downloadModel("acme/tiny", { ...given, onProgress, signal: stop.signal }),
          "INTERRUPTED",
          "Cannot go on: interrupted",
        );
        assert.deepEqual(namesIn(folder), ["model.part"]);
        assert.deepEqual(namesIn(join(folder, "model.part")), ["config.json", "model.safetensors.part"]);
        await downloadModel("acme/tiny", given);
        assertComplete(folder);
        assert.equal(hub.seen.filter(([path]) => path.endsWith("config.json")).length, 1);
        assert.equal(hub.seen.at(-1)![1], "bytes=50000-");
      },
      (_request, path, attempt) =>
        path === "model.safetensors" && attempt === 1 ? cut(FILES[path]!, 50_000, NEVER) : undefined,
    );
  }));

Deno.test("downloadModel() gives up a connection on which nothing comes, and goes on over another", () =>
  inFolder((folder) =>
    withHub(
      async (hub) => {
        await downloadModel("acme/tiny", { ...options(folder, hub), stallMs: 50 });
        assertComplete(folder);
        assert.equal(hub.seen.at(-1)![1], "bytes=60000-");
      },
      (_request, path, attempt) =>
        path === "model.safetensors" && attempt === 1 ? cut(FILES[path]!, 60_000, NEVER) : undefined,
    )
  ));

Deno.test("downloadModel() begins again when the beginning it has is of another file", () =>
  inFolder((folder) =>
    withHub(async (hub) => {
      await Deno.mkdir(join(folder, "model.part"));
      await Deno.writeFile(join(folder, "model.part", "model.safetensors.part"), new Uint8Array(1000));
      await Deno.writeTextFile(join(folder, "model.part", "config.json"), "of another time");
      await Deno.writeTextFile(join(folder, "model.part", "of_another_revision.json"), "{}");
      await downloadModel("acme/tiny", options(folder, hub));
      assertComplete(folder);
      assert.deepEqual(hub.seen.slice(2).map(([, range]) => range), ["bytes=1000-", null]);
    })
  ));

Deno.test("downloadModel() takes a whole answer where it asked for the rest", () =>
  inFolder((folder) =>
    withHub(
      async (hub) => {
        await Deno.mkdir(join(folder, "model.part"));
        const begun = FILES["model.safetensors"]!.subarray(0, 1000);
        await Deno.writeFile(join(folder, "model.part", "model.safetensors.part"), begun);
        await downloadModel("acme/tiny", options(folder, hub));
        assertComplete(folder);
        assert.equal(hub.seen.length, 3);
      },
      (_request, path) => path === "model.safetensors" ? new Response(FILES[path]!) : undefined,
    )
  ));

Deno.test("downloadModel() refuses a file that is not what the hub promised, and keeps none of it", () =>
  inFolder((folder) =>
    withHub(
      async (hub) => {
        const wrong = bytesOf(200_000).fill(1, 0, 1);
        const model = `Cannot use download of "model.safetensors": wanted SHA-256 ${
          sha256(FILES["model.safetensors"]!)
        }: received ${sha256(wrong)}`;
        await assertFails(() => downloadModel("acme/tiny", options(folder, hub)), "INVALID_DATA", model);
        assert.deepEqual(namesIn(join(folder, "model.part")), ["config.json"]);
      },
      (_request, path) =>
        path === "model.safetensors" ? new Response(bytesOf(200_000).fill(1, 0, 1)) : undefined,
    )
  ));

Deno.test("downloadModel() refuses more bytes than promised, and git's hash when that is wrong", () =>
  inFolder(async (folder) => {
    const answers: readonly (readonly [Uint8Array<ArrayBuffer>, RegExp])[] = [
      [bytesOf(19), /^Cannot use download of "config.json": wanted 18 bytes: received 19$/],
      [
        bytesOf(18),
        /^Cannot use download of "config.json": wanted git hash [0-9a-f]{40}: received [0-9a-f]{40}$/,
      ],
    ];
    for (const [answer, message] of answers) {
      await withHub(
        (hub) =>
          assert.rejects(downloadModel("acme/tiny", options(folder, hub)), { code: "INVALID_DATA", message }),
        (_request, path) => path === "config.json" ? new Response(answer) : undefined,
      );
    }
  }));

Deno.test("downloadModel() checks the hash that comes with the redirect when the list has none", () =>
  inFolder((folder) =>
    withHub(
      async (hub) => {
        await assert.rejects(downloadModel("acme/tiny", options(folder, hub)), {
          code: "INVALID_DATA",
          message: /wanted SHA-256 0{64}/,
        });
      },
      (request, path) =>
        path === "model.safetensors" && !request.url.includes("?moved")
          ? new Response(null, {
            status: 302,
            headers: { location: `${request.url}?moved`, "x-linked-etag": `"${"0".repeat(64)}"` },
          })
          : undefined,
      (siblings) => siblings.forEach((sibling) => delete sibling["lfs"]),
    )
  ));

Deno.test("downloadModel() sends the token to the hub and not to where it redirects", () =>
  inFolder(async (folder) => {
    const elsewhere: (string | null)[] = [];
    await using store = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
      elsewhere.push(request.headers.get("authorization"));
      return served(FILES["model.safetensors"]!, null);
    });
    await withHub(
      async (hub) => {
        await downloadModel("acme/tiny", { ...options(folder, hub), token: "hf_secret" });
        assertComplete(folder);
        assert.deepEqual(
          new Set(hub.seen.map(([, , authorization]) => authorization)),
          new Set(["Bearer hf_secret"]),
        );
        assert.deepEqual(elsewhere, [null]);
      },
      (_request, path) =>
        path === "model.safetensors"
          ? new Response(null, {
            status: 302,
            headers: { location: `http://127.0.0.1:${store.addr.port}/blob?sig=x` },
          })
          : undefined,
    );
  }));

Deno.test("downloadModel() waits longer each time, as long as the server asks, and then gives up", () =>
  inFolder(async (folder) => {
    await withHub(
      async (hub) => {
        const given = options(folder, hub);
        await downloadModel("acme/tiny", given);
        assertComplete(folder);
        assert.deepEqual(given.waits, [1000, 7000, 4000]);
      },
      (_request, path, attempt) => {
        if (path !== "config.json" || attempt > 3) return undefined;
        if (attempt === 2) return new Response("", { status: 429, headers: { "retry-after": "7" } });
        return new Response("", { status: 503 });
      },
    );
    await Deno.remove(join(folder, "model"), { recursive: true });
    await withHub(
      async (hub) => {
        const given = options(folder, hub);
        await assertFails(
          () => downloadModel("acme/tiny", given),
          "FILE_ACCESS",
          `Cannot reach ${hub.endpoint}: received status 500: put the model's folder there by hand`,
        );
        assert.deepEqual(given.waits, [1000, 2000]);
      },
      () => new Response("", { status: 500 }),
    );
  }));

const STATUSES: readonly (readonly [number, string])[] = [
  [401, "it does not exist, or it needs a token that may read it (HF_TOKEN)"],
  [403, "the token may not read it; the model's page tells whom to ask"],
  [404, "there is no such model, revision or file"],
];

Deno.test("downloadModel() says what a refusal means and does not insist", () =>
  inFolder(async (folder) => {
    for (const [status, reason] of STATUSES) {
      await withHub(
        async (hub) => {
          await assertFails(
            () => downloadModel("acme/tiny", options(folder, hub)),
            "FILE_ACCESS",
            `Cannot download ${hub.endpoint}/api/models/acme/tiny/revision/main: received status ${status}: ${reason}`,
          );
          assert.equal(hub.seen.length, 1);
        },
        () => new Response("", { status }),
      );
    }
  }));

Deno.test("downloadModel() says what to do when the hub cannot be reached", () =>
  inFolder(async (folder) => {
    const fetch = (): Promise<Response> => Promise.reject(new TypeError("no route to host"));
    await assertFails(
      () => downloadModel("acme/tiny", { folder: join(folder, "m"), fetch, sleep: () => Promise.resolve() }),
      "FILE_ACCESS",
      "Cannot reach https://huggingface.co: no route to host: put the model's folder there by hand",
    );
    assert.deepEqual(namesIn(folder), []);
  }));

Deno.test("downloadModel() refuses names that leave the folder", () =>
  inFolder(async (folder) => {
    for (const name of ["../evil.safetensors", "/etc/passwd", "a/../../b", "a\\b", "C:x", "a//b", "."]) {
      await withHub(
        async (hub) => {
          await assertFails(
            () => downloadModel("acme/tiny", { ...options(folder, hub), wants: () => true }),
            "INVALID_DATA",
            'Cannot download model "acme/tiny": wanted file names that stay in its folder: received ' +
              JSON.stringify(name),
          );
          assert.deepEqual(namesIn(folder), []);
        },
        undefined,
        (siblings) => void siblings.push({ rfilename: name, size: 1 }),
      );
    }
  }));

Deno.test("downloadModel() refuses ids that are none, models without safetensors, and folders that hold something", () =>
  inFolder((folder) =>
    withHub(
      async (hub) => {
        for (const id of ["../x", "a/b/c", "", "a/..", "https://x"]) {
          await assertFails(
            () => downloadModel(id, options(folder, hub)),
            "INVALID_OPTIONS",
            `Cannot download model "${id}": wanted owner/name as the hub shows it`,
          );
        }
        await assertFails(
          () => downloadModel("acme/tiny", options(folder, hub)),
          "INVALID_DATA",
          'Cannot download model "acme/tiny": wanted weights in safetensors: received pytorch_model.bin',
        );
        await Deno.writeTextFile(join(folder, "mine"), "");
        await assertFails(
          () => downloadModel("acme/tiny", { ...options(folder, hub), folder }),
          "FILE_ACCESS",
          `Cannot write "${folder}": wanted a new or empty folder: received one that holds "mine"`,
        );
      },
      undefined,
      (siblings) => void siblings.splice(1, 1),
    )
  ));

Deno.test("isModelFile() wants config, tokenizer and safetensors of the top folder alone", () => {
  const wanted = [
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "adapter_model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "model.safetensors",
    "model-00001-of-00002.safetensors",
    "model.safetensors.index.json",
  ];
  const others = [
    "README.md",
    "pytorch_model.bin",
    "onnx/model.onnx",
    "original/model.safetensors",
    "consolidated.safetensors",
    "training_args.bin",
  ];
  assert.deepEqual([...wanted, ...others].filter(isModelFile), wanted);
});
