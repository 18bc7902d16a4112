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

test("an inverted photo's paper becomes black, its darkest ink white, and what lies between lies between", () => {
  const pixels = photo(230, 10);
  (pixels.data as Uint8Array)[7] = 120; // half way
  (pixels.data as Uint8Array)[8] = 240; // a fleck lighter than the paper
  const image = imageOf({ kind: "pixels", pixels, inverted: true }, PREPROCESSING);
  assert.deepEqual(
    [0, 7, 8, 12].map((at) => image.data[at]),
    [0, 128, 0, 255],
  );
});

test("an inverted sheet of empty paper is black", () => {
  const image = imageOf({ kind: "pixels", pixels: photo(230, 230), inverted: true }, PREPROCESSING);
  assert.ok([...image.data].every((pixel) => pixel === 0));
});

test("a drawing becomes an image of the size that the net's preprocessing begins with", () => {
  const image = imageOf({ kind: "ink", ink: NO_INK }, PREPROCESSING);
  assert.deepEqual([image.dtype, image.shape, image.data.length], ["uint8", [1, 28, 28], 784]);
});
