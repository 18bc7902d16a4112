import assert from "node:assert/strict";
import test from "node:test";
import { layersOf } from "../src/layers.ts";
import type { Call, Form } from "../src/types.ts";
import { LENET, LENET_SHAPES } from "./lenet.ts";

const shapes = (key: string) => LENET_SHAPES[key] ?? [];

function pointwise(name: string, ...inputs: string[]): Call {
  const form: Form = {
    kind: "pointwise",
    function: inputs.length > 1 ? "add" : "relu",
    inputs: inputs.map((input) => `activation/${input}`),
    scales: null,
    constant: null,
  };
  return { name, module: name, operator: "", output: `activation/${name}`, form, reason: null };
}

test("LeNet's layers stand one behind the other, the input first, each said in a word", () => {
  const layers = layersOf(LENET, shapes);
  assert.deepEqual(
    layers.map(({ name, depth, does }) => [name, depth, does].join(" ")),
    [
      "input 0 pixels",
      "conv1 1 filters 5×5",
      "relu1 2 ReLU",
      "pool1 3 max 2×2",
      "conv2 4 filters 5×5",
      "relu2 5 ReLU",
      "pool2 6 max 2×2",
      "flatten 7 reshape",
      "fc1 8 linear",
      "relu3 9 ReLU",
      "fc2 10 linear",
      "relu4 11 ReLU",
      "scores 12 linear",
    ],
  );
});

test("branches stand side by side, and a shortcut is as deep as its longest way", () => {
  const calls = [
    pointwise("stem", "input"),
    pointwise("left", "stem"),
    pointwise("right", "stem"),
    pointwise("longer", "right"),
    pointwise("sum", "left", "longer", "stem"),
  ];
  const layers = layersOf(calls, () => [1, 4, 8, 8]);
  assert.deepEqual(
    layers.map(({ name, depth }) => [name, depth]),
    [
      ["input", 0],
      ["stem", 1],
      ["left", 2],
      ["right", 2],
      ["longer", 3],
      ["sum", 4],
    ],
  );
  assert.deepEqual(layers[5].sources, ["activation/left", "activation/longer", "activation/stem"]);
});

test("a call that reads an activation twice is linked to it once", () => {
  const [, , doubled] = layersOf([pointwise("a", "input"), pointwise("doubled", "a", "a")], () => [1, 2]);
  assert.deepEqual(doubled.sources, ["activation/a"]);
});

test("a call without a form stands behind the one before it and is called unsupported", () => {
  const unknown: Call = { ...pointwise("odd", "input"), form: null, reason: "No form for aten.sort." };
  const [, , layer] = layersOf([pointwise("a", "input"), unknown], () => [1, 2]);
  assert.deepEqual([layer.depth, layer.does, layer.sources], [2, "unsupported", []]);
});

test("maps of pooling, ReLU and batch norm read one map each; those of a convolution read them all", () => {
  const sum = LENET[3].form;
  const norm: Call = {
    ...LENET[3],
    name: "norm",
    output: "activation/norm",
    form: { ...(sum as Extract<Form, { kind: "weighted_sum" }>), groups: 16, kernel: [1, 1] },
  };
  const layers = layersOf([...LENET, norm], (key) => LENET_SHAPES[key] ?? [1, 16, 10, 10]);
  const single = layers.filter(({ mapByMap }) => mapByMap).map(({ name }) => name);
  assert.deepEqual(single, ["relu1", "pool1", "relu2", "pool2", "relu3", "relu4", "norm"]);
  assert.equal(layers.at(-1)?.does, "scale, shift");
});
