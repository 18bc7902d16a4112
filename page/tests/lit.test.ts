import assert from "node:assert/strict";
import test from "node:test";
import { countLit, light } from "../src/lit.ts";
import type { Tensor } from "../src/types.ts";
import { LENET, LENET_SHAPES } from "./lenet.ts";

const shapes = (key: string) => LENET_SHAPES[key] ?? [];

function tensor(shape: readonly number[], values: (at: number) => number): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return { dtype: "float32", shape, data: Float32Array.from({ length: size }, (_, at) => values(at)) };
}

const WEIGHTS = new Map([
  ["weight/conv1.weight", tensor([6, 1, 5, 5], (at) => at)],
  ["weight/conv2.weight", tensor([16, 6, 5, 5], (at) => -at)],
  ["weight/fc1.weight", tensor([120, 400], () => 1)],
]);

const lightOf = (key: string, index: number[]) => light(LENET, { key, index }, shapes, WEIGHTS);

test("a unit of conv1 lights the 25 pixels under its filter, each with its weight", () => {
  const lit = lightOf("activation/conv1", [0, 1, 3, 4]);
  assert.deepEqual(Object.fromEntries(countLit(lit)), { input: 25 });
  const pixels = lit.direct.get("activation/input");
  assert.equal(pixels?.get(3 * 32 + 4), 25); // the first tap of filter 1 is weight number 25
  assert.equal(pixels?.get(7 * 32 + 8), 49);
  assert.equal(lit.largestWeight, 49);
  assert.deepEqual(lit.receptiveField, { rows: [3, 8], columns: [4, 9] });
});

test("a unit of conv2 lights 5 x 5 units of all six maps, and back through the pooling 14 x 14 pixels", () => {
  const lit = lightOf("activation/conv2", [0, 3, 5, 7]);
  assert.deepEqual(Object.fromEntries(countLit(lit)), { pool1: 150, relu1: 600, conv1: 600, input: 196 });
  assert.deepEqual(lit.receptiveField, { rows: [10, 24], columns: [14, 28] });
});

test("the four units that a maximum reads have no weights", () => {
  const lit = lightOf("activation/pool1", [0, 2, 1, 1]);
  assert.deepEqual([...(lit.direct.get("activation/relu1")?.values() ?? [])], [null, null, null, null]);
  assert.equal(lit.largestWeight, 0);
});

test("a unit of fc1 lights everything before it", () => {
  const counts = countLit(lightOf("activation/fc1", [0, 7]));
  assert.deepEqual(Object.fromEntries(counts), {
    flatten: 400,
    pool2: 400,
    relu2: 1600,
    conv2: 1600,
    pool1: 1176,
    relu1: 4704,
    conv1: 4704,
    input: 1024,
  });
});

test("a pixel reads nothing", () => {
  const lit = lightOf("activation/input", [0, 0, 2, 3]);
  assert.equal(countLit(lit).size, 0);
  assert.deepEqual(lit.receptiveField, { rows: [2, 3], columns: [3, 4] });
});
