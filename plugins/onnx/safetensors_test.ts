import assert from "node:assert/strict";
import fc from "fast-check";
import { join } from "node:path";
import { readFolder, readHeader, readTensor, writeSafetensors } from "./safetensors.ts";
import { fromBfloat16, fromFloat16, type Tensor, toBfloat16, toFloat16 } from "./tensor.ts";

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function tensor(shape: number[], values: number[]): Tensor {
  return { shape, data: Float32Array.from(values) };
}

const two = new Map([["b", tensor([2, 2], [1, -2, 0.5, 3])], ["a", tensor([3], [0, 1e-3, -7])]]);

/** A file with the given header text and body. */
async function craft(
  folder: string,
  header: string,
  body = new Uint8Array(0),
  length = header.length,
): Promise<string> {
  const bytes = new Uint8Array(8 + header.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(new TextEncoder().encode(header), 8);
  bytes.set(body, 8 + header.length);
  const path = join(folder, "model.safetensors");
  await Deno.writeFile(path, bytes);
  return path;
}

Deno.test("writeSafetensors() writes what readTensor() reads, in float32 exactly", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "model.safetensors");
    await writeSafetensors(path, two);
    const { tensors, metadata } = await readHeader(path);
    assert.deepEqual([...tensors.keys()], ["a", "b"]);
    assert.deepEqual(metadata, { format: "pt" });
    for (const [name, wanted] of two) assert.deepEqual(await readTensor(tensors.get(name)!), wanted);
    assert.equal(tensors.get("a")!.offset % 8, 0);
  });
});

Deno.test("writeSafetensors() rounds to bfloat16 and float16 to nearest, ties to even", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "x.safetensors");
    const values = [1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -0, 65504, 1e-8];
    for (
      const [type, wanted] of [
        ["bfloat16", [1, 1, 1 + 2 ** -6, -0, 65536, fromBfloat16(Uint16Array.of(0x322c))[0]!]],
        ["float16", [1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -0, 65504, 0]],
      ] as const
    ) {
      await writeSafetensors(path, new Map([["x", tensor([6], values)]]), { type });
      const { tensors } = await readHeader(path);
      assert.deepEqual([...(await readTensor(tensors.get("x")!)).data], wanted);
    }
  });
});

Deno.test("narrowing and widening again changes nothing for every bit pattern that is a number", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffff }), (bits) => {
    const pattern = Uint16Array.of(bits);
    const [b, f] = [fromBfloat16(pattern), fromFloat16(pattern)];
    if (!Number.isNaN(b[0]!)) assert.deepEqual(toBfloat16(b), pattern);
    else assert.ok(Number.isNaN(fromBfloat16(toBfloat16(b))[0]!));
    if (!Number.isNaN(f[0]!)) assert.deepEqual(toFloat16(f), pattern);
  }));
});

Deno.test("readHeader() refuses headers that lie, naming file and tensor", async () => {
  const entry = (more: object) =>
    JSON.stringify({ x: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...more } });
  const body = new Uint8Array(8);
  const cases: [string, string][] = [
    [entry({ dtype: "F31" }), `"x": wanted a dtype of F32, F16, BF16, I64, I32, BOOL: received "F31"`],
    [entry({ shape: [-2] }), `"x": wanted a shape of whole numbers: received [-2]`],
    [entry({ shape: [3] }), `"x": wanted 12 bytes for F32 [3]: received 8`],
    [entry({ data_offsets: [8] }), `"x": wanted two data_offsets: received [8]`],
    [
      `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}`,
      `"b": its bytes overlap those of "a"`,
    ],
    ["[]", "wanted an object as header"],
  ];
  await inFolder(async (folder) => {
    for (const [header, wanted] of cases) {
      const path = await craft(folder, header, body);
      await assert.rejects(readHeader(path), {
        code: "INVALID_DATA",
        message: `Cannot read weights ${path}: ${wanted}`,
      });
    }
    const far = await craft(folder, entry({ data_offsets: [4, 12] }), body);
    await assert.rejects(readHeader(far), {
      code: "INVALID_DATA",
      message: /"x": wanted bytes up to \d+: the file ends at \d+$/,
    });
    const long = await craft(folder, "{}", body, 1e9);
    await assert.rejects(readHeader(long), {
      code: "INVALID_DATA",
      message:
        `Cannot read weights ${long}: wanted a header inside 18 bytes: received a header length of 1000000000`,
    });
  });
});

Deno.test("readHeader() says when a file is cut or not there", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "model.safetensors");
    await assert.rejects(readHeader(path), {
      code: "FILE_ACCESS",
      message: new RegExp(`^Cannot open weights ${path}: `),
    });
    await Deno.writeFile(path, new Uint8Array(3));
    await assert.rejects(readHeader(path), {
      code: "INVALID_DATA",
      message: `Cannot read weights ${path}: wanted 8 bytes at 0: the file ends after 3 of them`,
    });
  });
});

Deno.test("readFolder() joins shards and misses none", async () => {
  await inFolder(async (folder) => {
    const index = join(folder, "model.safetensors.index.json");
    await writeSafetensors(join(folder, "one.safetensors"), new Map([["a", two.get("a")!]]));
    await writeSafetensors(join(folder, "two.safetensors"), new Map([["b", two.get("b")!]]));
    await Deno.writeTextFile(
      index,
      JSON.stringify({ weight_map: { a: "one.safetensors", b: "two.safetensors" } }),
    );
    const { tensors } = await readFolder(folder);
    assert.deepEqual(await readTensor(tensors.get("b")!), two.get("b"));
    await Deno.writeTextFile(index, JSON.stringify({ weight_map: { c: "one.safetensors" } }));
    await assert.rejects(readFolder(folder), {
      message: `Cannot read weights ${index}: "c": wanted in one.safetensors: it is not there`,
    });
    await Deno.writeTextFile(index, JSON.stringify({ weight_map: { c: "../one.safetensors" } }));
    await assert.rejects(readFolder(folder), {
      message:
        `Cannot read weights ${index}: wanted a file name beside the index: received "../one.safetensors"`,
    });
  });
});

Deno.test("writeSafetensors() leaves nothing half written", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "none", "model.safetensors");
    await assert.rejects(writeSafetensors(path, two), { code: "FILE_ACCESS" });
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  });
});
