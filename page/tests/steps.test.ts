import assert from "node:assert/strict";
import { test } from "node:test";
import type { Unit } from "../src/types.ts";
import { slideOn, stepFrom } from "../src/unit/steps.ts";

const LAYERS = [
  { name: "input", shape: [1, 32, 32] },
  { name: "conv1", shape: [6, 28, 28] },
  { name: "pool1", shape: [6, 14, 14] },
  { name: "scores", shape: [10] },
];
const unit = (layer: string, ...index: number[]): Unit => ({ layer, index });

test("arrows walk rows and columns and stop at the edge", () => {
  assert.deepEqual(stepFrom(unit("conv1", 2, 5, 27), "down", LAYERS), unit("conv1", 2, 6, 27));
  assert.deepEqual(stepFrom(unit("conv1", 2, 5, 27), "right", LAYERS), unit("conv1", 2, 5, 27));
  assert.deepEqual(stepFrom(unit("conv1", 2, 0, 4), "up", LAYERS), unit("conv1", 2, 0, 4));
  assert.deepEqual(stepFrom(unit("scores", 3), "left", LAYERS), unit("scores", 2));
  assert.deepEqual(stepFrom(unit("scores", 3), "down", LAYERS), unit("scores", 4));
});

test("a step to another map keeps the place", () => {
  assert.deepEqual(stepFrom(unit("conv1", 2, 5, 7), "map after", LAYERS), unit("conv1", 3, 5, 7));
  assert.deepEqual(stepFrom(unit("conv1", 5, 5, 7), "map after", LAYERS), unit("conv1", 5, 5, 7));
});

test("a step to another layer leads as far down and along", () => {
  assert.deepEqual(stepFrom(unit("conv1", 2, 27, 0), "layer after", LAYERS), unit("pool1", 2, 13, 0));
  assert.deepEqual(stepFrom(unit("conv1", 2, 27, 0), "layer before", LAYERS), unit("input", 0, 31, 0));
  assert.deepEqual(stepFrom(unit("input", 0, 3, 3), "layer before", LAYERS), unit("input", 0, 3, 3));
  assert.deepEqual(stepFrom(unit("scores", 9), "layer after", LAYERS), unit("scores", 9));
});

test("a sliding window visits every place of its map once and comes back", () => {
  const seen = new Set<string>();
  let at = unit("pool1", 4, 3, 9);
  do {
    seen.add(at.index.join());
    at = slideOn(at, [6, 14, 14]);
  } while (at.index.join() !== "4,3,9");
  assert.equal(seen.size, 14 * 14);
  assert.ok([...seen].every((index) => index.startsWith("4,")));
});
