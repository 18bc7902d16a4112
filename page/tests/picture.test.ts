import assert from "node:assert/strict";
import test from "node:test";
import { NO_INK } from "../src/ink.ts";
import { imageOf, isDarkOnLight } from "../src/picture.ts";
import type { Tensor } from "../src/types.ts";

const PREPROCESSING = { channels: 1, size: [28, 28], padding: 2, mean: [0], deviation: [1] } as const;

function photo(background: number, ink: number): Tensor {
  const data = new Uint8Array(5 * 5).fill(background);
  data[12] = ink;
  return { dtype: "uint8", shape: [1, 5, 5], data };
}

test("ink on paper is dark on light, a digit on a blackboard is not", () => {
  assert.equal(isDarkOnLight(photo(230, 10)), true);
  assert.equal(isDarkOnLight(photo(10, 230)), false);
});

test("an inverted photo has each pixel taken from 255", () => {
  const image = imageOf({ kind: "pixels", pixels: photo(230, 10), inverted: true }, PREPROCESSING);
  assert.equal(image.data[0], 25);
  assert.equal(image.data[12], 245);
});

test("a drawing becomes an image of the size that the net's preprocessing begins with", () => {
  const image = imageOf({ kind: "ink", ink: NO_INK }, PREPROCESSING);
  assert.deepEqual([image.dtype, image.shape, image.data.length], ["uint8", [1, 28, 28], 784]);
});
