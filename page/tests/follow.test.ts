import assert from "node:assert/strict";
import { test } from "node:test";
import type { Numbers } from "../src/explain.ts";
import { follow, readBy } from "../src/follow.ts";
import { reads } from "../src/forms.ts";
import { count, indexAt } from "../src/indexing.ts";
import { sourcesOf } from "../src/layers.ts";
import type { Call, Form, Tensor } from "../src/types.ts";
import { LENET, LENET_SHAPES } from "./lenet.ts";
import { random, randomTensor } from "./random.ts";

const window = { kernel: [3, 2], stride: [2, 1], padding: [1, 0], dilation: [1, 2] };
const plain = { axis: null, axes: null, starts: null, steps: null };
const a = "activation/a";
const moved = (form: object): Form =>
  ({ kind: "rearrangement", inputs: [a], ...plain, ...form }) as unknown as Form;
const CASES: { name: string; output: number[]; form: Form }[] = [
  {
    name: "a grouped, strided, padded, dilated convolution",
    output: [1, 4, 3, 3],
    form: {
      kind: "weighted_sum",
      input: a,
      weight: "weight/w",
      bias: null,
      shift: null,
      groups: 2,
      divisor: null,
      ...window,
    },
  },
  {
    name: "a transposed convolution",
    output: [1, 4, 9, 8],
    form: {
      kind: "weighted_sum",
      input: a,
      weight: "weight/w",
      bias: null,
      shift: null,
      groups: 2,
      divisor: null,
      transposed: true,
      ...window,
    },
  },
  { name: "a maximum", output: [1, 4, 3, 3], form: { kind: "maximum", input: a, ...window } },
  {
    name: "a broadcast product",
    output: [1, 4, 5, 5],
    form: {
      kind: "pointwise",
      function: "multiply",
      inputs: [a, "activation/one"],
      scales: null,
      constant: null,
    },
  },
  {
    name: "a softmax over channels",
    output: [1, 4, 5, 5],
    form: { kind: "normalisation", function: "softmax", input: a, axis: 1 },
  },
  {
    name: "a standardisation of groups of channels",
    output: [1, 4, 5, 5],
    form: {
      kind: "standardisation",
      input: a,
      weight: null,
      bias: null,
      axes: [1, 2, 3],
      groups: 2,
      epsilon: 1e-5,
    },
  },
  {
    name: "a standardisation of rows",
    output: [1, 4, 5, 5],
    form: {
      kind: "standardisation",
      input: a,
      weight: null,
      bias: null,
      axes: [3],
      groups: 1,
      epsilon: 1e-5,
    },
  },
  {
    name: "a product of two activations",
    output: [1, 4, 5, 5],
    form: { kind: "contraction", left: a, right: "activation/b" },
  },
  { name: "a reshape", output: [1, 100], form: moved({ how: "reshape" }) },
  { name: "a permutation", output: [1, 5, 4, 5], form: moved({ how: "permute", axes: [0, 3, 1, 2] }) },
  {
    name: "a slice",
    output: [1, 2, 5, 2],
    form: moved({ how: "slice", starts: [0, 1, 0, 0], steps: [1, 2, 1, 3] }),
  },
  { name: "a padding", output: [1, 4, 6, 6], form: moved({ how: "pad", starts: [0, 0, -2, 1] }) },
  {
    name: "a row, many times",
    output: [3, 4, 5],
    form: moved({ how: "strided", start: 10, strides: [0, 25, 1] }),
  },
  {
    name: "overlapping windows",
    output: [1, 4, 3, 5, 3],
    form: moved({ how: "strided", start: 0, strides: [100, 25, 5, 1, 5] }),
  },
  {
    name: "a stack",
    output: [1, 4, 2, 5, 5],
    form: moved({ how: "stack", inputs: [a, "activation/b"], axis: 2 }),
  },
  {
    name: "a table of places",
    output: [2, 3],
    form: moved({ how: "gather", inputs: [a, "activation/b"], table: "weight/table" }),
  },
  {
    name: "a reduction that keeps its axes",
    output: [1, 1, 5, 1],
    form: { kind: "reduction", function: "norm", input: a, axes: [1, 3], keep: true, correction: 0 },
  },
  {
    name: "a reduction",
    output: [1, 5],
    form: { kind: "reduction", function: "mean", input: a, axes: [1, 3], keep: false, correction: 0 },
  },
  {
    name: "a resampling",
    output: [1, 4, 3, 2],
    form: {
      kind: "resampling",
      input: a,
      starts: [
        [0, 1, 3],
        [0, 4],
      ],
      weights: ["weight/rows", "weight/columns"],
    },
  },
  {
    name: "a concatenation",
    output: [1, 8, 5, 5],
    form: moved({ how: "concatenate", inputs: [a, "activation/b"], axis: 1 }),
  },
];

for (const { name, output, form } of CASES) {
  test(`${name} is read by exactly those units that read`, () => {
    const shapes: Record<string, number[]> = {
      [a]: [1, 4, 5, 5],
      "activation/b": [1, 4, 5, 5],
      "activation/one": [1, 4, 1, 1],
      "activation/out": output,
    };
    const of = (key: string) => shapes[key];
    const call: Call = {
      name: "out",
      module: "",
      operator: "",
      output: "activation/out",
      form,
      reason: null,
    };
    const weights = new Map<string, Tensor>([
      ["weight/w", randomTensor([4, 2, 3, 2], random(1))],
      [
        "weight/table",
        { dtype: "int64", shape: [2, 3], data: BigInt64Array.of(7n, -1n, 199n, 7n, 100n, 24n) },
      ],
      ["weight/rows", { dtype: "float32", shape: [3, 2], data: Float32Array.of(1, 0, 0.5, 0.5, 0, 1) }],
      ["weight/columns", { dtype: "float32", shape: [2, 3], data: Float32Array.of(0.2, 0, 0.8, 1, 0, 0) }],
    ]);
    const forwards = new Set<string>();
    for (let place = 0; place < count(output); place++) {
      const index = indexAt(place, output);
      for (const read of reads(call, index, of, weights)) {
        forwards.add(`${read.key} ${read.index} ${index}`);
        if (read.factor) forwards.add(`${read.factor.key} ${read.factor.index} ${index}`);
      }
    }
    const backwards = new Set<string>();
    for (const key of sourcesOf(form)) {
      for (let place = 0; place < count(of(key)); place++) {
        const index = indexAt(place, of(key));
        for (const reader of readBy(call, { key, index }, of, weights))
          backwards.add(`${key} ${index} ${reader}`);
      }
    }
    assert.ok(forwards.size > 0);
    assert.deepEqual([...backwards].sort(), [...forwards].sort());
  });
}

/** LeNet's tensors, each activation of a ReLU or pool holding what it must where the tests look. */
function lenet(): Numbers {
  const next = random(5);
  const activations = new Map<string, Tensor>();
  for (const [key, shape] of Object.entries(LENET_SHAPES)) activations.set(key, randomTensor(shape, next));
  const weights = new Map<string, Tensor>([
    ["weight/conv2.weight", randomTensor([16, 6, 5, 5], next)],
    ["weight/fc1.weight", randomTensor([120, 400], next)],
  ]);
  return { activations, weights };
}

function set(all: Numbers, name: string, place: number, value: number): void {
  (all.activations.get(`activation/${name}`)?.data as Float32Array)[place] = value;
}

test("a unit of conv1 is followed through ReLU and pool to the unit of conv2 to which it adds most", () => {
  const all = lenet();
  for (const place of [0, 1, 28, 29]) set(all, "relu1", place, place === 29 ? 5 : 0); // row 1, column 1 wins
  const [{ steps, onward }, ...more] = follow(LENET, { key: "activation/conv1", index: [0, 0, 1, 1] }, all);
  assert.equal(more.length + onward.length, 0);
  assert.deepEqual(
    steps.map((step) => [step.call.name, step.readers, step.wins]),
    [
      ["relu1", 1, null],
      ["pool1", 1, true],
      ["conv2", 16, null], // place (0, 0) of pool1 lies under one window of each of the 16 maps
    ],
  );
  const value = all.activations.get("activation/pool1")?.data[0];
  const weight = all.weights.get("weight/conv2.weight") as Tensor;
  const own = Array.from({ length: 16 }, (_, o) => Number(weight.data[o * 150]));
  const most = own.reduce((best, w, o) => (Math.abs(w) > Math.abs(own[best]) ? o : best), 0);
  assert.deepEqual(steps[2].index, [0, most, 0, 0]);
  assert.equal(steps[2].adds, own[most] * Number(value));
});

test("a unit that is not its window's largest is followed no further", () => {
  const all = lenet();
  for (const place of [0, 1, 28, 29]) set(all, "relu1", place, place === 29 ? 5 : 0);
  const [{ steps }] = follow(LENET, { key: "activation/relu1", index: [0, 0, 0, 1] }, all);
  assert.deepEqual(
    steps.map((step) => [step.call.name, step.wins]),
    [["pool1", false]],
  );
});

test("where two calls read a unit its way divides", () => {
  const relu = (name: string, input: string): Call => ({
    name,
    module: name,
    operator: "",
    output: `activation/${name}`,
    form: {
      kind: "pointwise",
      function: "relu",
      inputs: [`activation/${input}`],
      scales: null,
      constant: null,
    },
    reason: null,
  });
  const calls = [relu("first", "input"), relu("left", "first"), relu("right", "first"), relu("end", "left")];
  const next = random(2);
  const activations = new Map(
    ["input", "first", "left", "right", "end"].map((name) => [
      `activation/${name}`,
      randomTensor([1, 1, 2, 2], next),
    ]),
  );
  const unit = { key: "activation/input", index: [0, 0, 1, 1] };
  const [{ steps, onward }, ...more] = follow(calls, unit, { activations, weights: new Map() });
  const names = (some: readonly { call: Call }[]) => some.map(({ call }) => call.name);
  assert.equal(more.length, 0);
  assert.deepEqual(names(steps), ["first"]);
  assert.deepEqual(
    onward.map((way) => names(way.steps)),
    [["left", "end"], ["right"]],
  );
});

test("nothing follows the scores", () => {
  assert.deepEqual(follow(LENET, { key: "activation/scores", index: [0, 3] }, lenet()), []);
});
