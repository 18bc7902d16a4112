import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import type { Tensor } from "../src/types.ts";
import { decodeFrame, encodeFrame } from "../src/wire.ts";

const GOLDEN = join(import.meta.dirname, "../../tests/golden/wire");

interface Meaning {
  readonly header: Record<string, unknown>;
  readonly tensors: Record<string, { dtype: string; shape: number[]; values: number[] }>;
}

/** A file's bytes in a buffer of their own: Node's small files share one. */
function frameOf(name: string): ArrayBuffer {
  const bytes = readFileSync(join(GOLDEN, `${name}.bin`));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

const names = readdirSync(GOLDEN)
  .filter((file) => file.endsWith(".bin"))
  .map((file) => file.replace(".bin", ""));

test("there are golden frames", () => assert.ok(names.length >= 3));

for (const name of names) {
  test(`the golden frame ${name} means what is written beside it`, () => {
    const meaning = JSON.parse(readFileSync(join(GOLDEN, `${name}.json`), "utf8")) as Meaning;
    const { header, tensors } = decodeFrame(frameOf(name));
    assert.deepEqual(header, meaning.header);
    assert.deepEqual([...tensors.keys()].sort(), Object.keys(meaning.tensors).sort());
    for (const [key, { dtype, shape, values }] of Object.entries(meaning.tensors)) {
      const tensor = tensors.get(key);
      assert.equal(tensor?.dtype, dtype);
      assert.deepEqual(tensor?.shape, shape);
      assert.deepEqual(Array.from(tensor?.data ?? [], Number), values);
    }
  });
}

test("tensors are views of an aligned frame: nothing is copied", () => {
  const image: Tensor = { dtype: "float32", shape: [3], data: Float32Array.of(1, 2, 3) };
  const frame = encodeFrame({ what: "image", net: "lenet" }, new Map([["image", image]]));
  assert.equal(decodeFrame(frame).tensors.get("image")?.data.buffer, frame);
});

test("a frame's numbers begin at multiples of 8 bytes, whatever comes before them", () => {
  for (let length = 0; length < 9; length++) {
    const header = { what: "trace", net: "n".repeat(length), sequence: 1 };
    const image: Tensor = { dtype: "uint8", shape: [1, 1, 3], data: Uint8Array.of(1, 2, 255) };
    const more: Tensor = { dtype: "float32", shape: [1], data: Float32Array.of(0.5) };
    const frame = encodeFrame(
      header,
      new Map([
        ["image", image],
        ["more", more],
      ]),
    );
    const { header: back, tensors } = decodeFrame(frame);
    assert.deepEqual(back, header);
    assert.deepEqual(tensors.get("image")?.data, image.data);
    assert.deepEqual(tensors.get("more")?.data, more.data);
    assert.equal((tensors.get("more")?.data.byteOffset ?? 1) % 8, 0);
  }
});

test("a header that is longer than its frame is refused", () => {
  const frame = new ArrayBuffer(8);
  new DataView(frame).setUint32(0, 400, true);
  assert.throws(() => decodeFrame(frame), /lies inside the frame. Received length=400 in a frame of 8 bytes/);
});
