import assert from "node:assert/strict";
import test from "node:test";
import { findLimits } from "../src/limits.ts";
import type { Call, Tensor } from "../src/types.ts";

const tensor = (shape: number[], ...values: number[]): Tensor => ({
  dtype: "float32",
  shape,
  data: Float32Array.from(values),
});

const ACTIVATIONS = new Map([
  ["activation/input", tensor([1, 1, 1, 2], -9, 9)],
  ["activation/conv", tensor([1, 2, 1, 2], 1, -2, 0.5, 0.25)],
  ["activation/scores", tensor([1, 3], -4, 3, 0)],
  ["activation/probabilities", tensor([1, 3], 0.1, 0.8, 0.1)],
]);

const call = (name: string, form: Call["form"]): Call => ({
  name,
  module: name,
  operator: "",
  output: `activation/${name}`,
  form,
  reason: null,
});

const CALLS = [
  call("conv", null),
  call("scores", null),
  call("probabilities", { kind: "normalisation", function: "softmax", input: "activation/scores", axis: 1 }),
];

const limits = (scope: "map" | "layer" | "net") => findLimits(ACTIVATIONS, CALLS, scope);

test("a scale a map ends at the map's largest magnitude", () => {
  assert.equal(limits("map")("activation/conv", 0), 2);
  assert.equal(limits("map")("activation/conv", 1), 0.5);
});

test("a vector is one map", () => {
  assert.equal(limits("map")("activation/scores", 0), 4);
});

test("a scale a layer ends at the layer's largest magnitude", () => {
  assert.equal(limits("layer")("activation/conv", 1), 2);
});

test("one scale for the net ends at the largest magnitude of all its calls; pixels do not count", () => {
  assert.equal(limits("net")("activation/conv", 0), 4);
  assert.equal(limits("net")("activation/input", 0), 9);
});
