import assert from "node:assert/strict";
import { test } from "node:test";
import { INPUT, reads, readsBack, receptiveField } from "../src/forms.ts";
import { count } from "../src/indexing.ts";
import type { Call, Form, Tensor } from "../src/types.ts";
import { LENET, LENET_SHAPES } from "./lenet.ts";

const shapesOf =
  (shapes: Record<string, readonly number[]>) =>
  (key: string): readonly number[] =>
    shapes[key];

function callOf(form: Form | null): Call {
  return { name: "out", module: "out", operator: "", output: "activation/out", form, reason: null };
}

/** A weight tensor that counts 0, 1, 2, ...: each weight says where it lies. */
function counting(shape: readonly number[]): Tensor {
  return { dtype: "float32", shape, data: Float32Array.from({ length: count(shape) }, (_, i) => i) };
}

test("a strided, padded, dilated, grouped convolution reads what six naive loops read", () => {
  const form: Form = {
    kind: "weighted_sum",
    input: "activation/in",
    weight: "weight/w",
    bias: null,
    shift: null,
    groups: 2,
    kernel: [3, 2],
    stride: [2, 1],
    padding: [1, 2],
    dilation: [1, 3],
    divisor: null,
  };
  // Rows: (7 + 2 - 2 - 1) / 2 + 1 = 4. Columns: 6 + 4 - 3 - 1 + 1 = 7.
  const shapes = shapesOf({ "activation/in": [2, 4, 7, 6], "activation/out": [2, 6, 4, 7] });
  const weights = new Map([["weight/w", counting([6, 2, 3, 2])]]);
  let cases = 0;
  for (let n = 0; n < 2; n++)
    for (let o = 0; o < 6; o++)
      for (let row = 0; row < 4; row++)
        for (let column = 0; column < 7; column++) {
          const expected: unknown[] = [];
          for (let c = 0; c < 2; c++)
            for (let k = 0; k < 3; k++)
              for (let l = 0; l < 2; l++) {
                const [r, s] = [row * 2 - 1 + k, column - 2 + l * 3];
                if (r < 0 || r >= 7 || s < 0 || s >= 6) continue;
                const channel = Math.floor(o / 3) * 2 + c;
                expected.push({
                  key: "activation/in",
                  index: [n, channel, r, s],
                  weight: ((o * 2 + c) * 3 + k) * 2 + l,
                });
              }
          assert.deepEqual(reads(callOf(form), [n, o, row, column], shapes, weights), expected);
          cases++;
        }
  assert.equal(cases, 2 * 6 * 4 * 7);
});

test("a linear layer reads every feature with its row of the matrix", () => {
  const form: Form = {
    kind: "weighted_sum",
    input: "activation/in",
    weight: "weight/w",
    bias: null,
    shift: null,
    groups: 1,
    kernel: [],
    stride: [],
    padding: [],
    dilation: [],
    divisor: null,
  };
  const shapes = shapesOf({ "activation/in": [1, 3], "activation/out": [1, 2] });
  const found = reads(callOf(form), [0, 1], shapes, new Map([["weight/w", counting([2, 3])]]));
  assert.deepEqual(
    found.map((read) => [read.index, read.weight]),
    [
      [[0, 0], 3],
      [[0, 1], 4],
      [[0, 2], 5],
    ],
  );
});

for (const { divisor, weight } of [
  { divisor: "window" as const, weight: 1 / 9 },
  { divisor: "inside" as const, weight: 1 / 4 },
  { divisor: 5, weight: 1 / 5 },
]) {
  test(`in a corner, an average over ${divisor} weighs its four taps alike`, () => {
    const window = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] };
    const form: Form = {
      kind: "weighted_sum",
      input: "activation/in",
      weight: null,
      bias: null,
      shift: null,
      groups: 1,
      divisor,
      ...window,
    };
    const shapes = shapesOf({ "activation/in": [1, 2, 5, 5], "activation/out": [1, 2, 5, 5] });
    const found = reads(callOf(form), [0, 1, 0, 0], shapes, new Map());
    assert.deepEqual(
      found.map((read) => read.index),
      [
        [0, 1, 0, 0],
        [0, 1, 0, 1],
        [0, 1, 1, 0],
        [0, 1, 1, 1],
      ],
    );
    assert.deepEqual(new Set(found.map((read) => read.weight)), new Set([weight]));
  });
}

test("an addition broadcasts its inputs as NumPy does", () => {
  const form: Form = {
    kind: "pointwise",
    function: "add",
    inputs: ["activation/a", "activation/b"],
    scales: [1, -2],
    constant: 0,
  };
  const shapes = shapesOf({
    "activation/a": [1, 3, 4, 4],
    "activation/b": [3, 1, 1],
    "activation/out": [1, 3, 4, 4],
  });
  assert.deepEqual(reads(callOf(form), [0, 2, 3, 1], shapes, new Map()), [
    { key: "activation/a", index: [0, 2, 3, 1], weight: 1 },
    { key: "activation/b", index: [2, 0, 0], weight: -2 },
  ]);
});

test("beside a padded input nothing is read", () => {
  const form = {
    kind: "rearrangement",
    how: "pad",
    inputs: ["activation/in"],
    starts: [0, -1],
    fill: 2,
  } as unknown;
  const shapes = shapesOf({ "activation/in": [1, 3], "activation/out": [1, 5] });
  for (const outside of [0, 4])
    assert.deepEqual(reads(callOf(form as Form), [0, outside], shapes, new Map()), []);
});

test("a softmax reads its whole axis", () => {
  const form: Form = { kind: "normalisation", function: "softmax", input: "activation/in", axis: 1 };
  const shapes = shapesOf({ "activation/in": [1, 3], "activation/out": [1, 3] });
  assert.deepEqual(
    reads(callOf(form), [0, 2], shapes, new Map()).map((read) => read.index),
    [
      [0, 0],
      [0, 1],
      [0, 2],
    ],
  );
});

const MOVES: { name: string; form: Partial<Form>; from: { key: string; index: number[] } }[] = [
  { name: "reshape", form: { how: "reshape" }, from: { key: "activation/a", index: [0, 1, 1, 2] } },
  {
    name: "concatenate",
    form: { how: "concatenate", inputs: ["activation/a", "activation/b"], axis: 1 },
    from: { key: "activation/b", index: [0, 1, 1, 2] },
  },
  {
    name: "permute",
    form: { how: "permute", axes: [0, 3, 1, 2] },
    from: { key: "activation/a", index: [0, 1, 1, 2] },
  },
  {
    name: "slice",
    form: { how: "slice", starts: [0, 1, 1, 0], steps: [1, 1, 1, 2] },
    from: { key: "activation/a", index: [0, 1, 1, 2] },
  },
  {
    name: "pad",
    form: { how: "pad", starts: [0, 0, -2, 1] },
    from: { key: "activation/a", index: [0, 1, 1, 2] },
  },
];
const MOVED_INDEX = {
  pad: [0, 1, 3, 1],
  reshape: [0, 11],
  concatenate: [0, 3, 1, 2],
  permute: [0, 2, 1, 1],
  slice: [0, 0, 0, 1],
};
const MOVED_SHAPE = {
  pad: [1, 2, 4, 2],
  reshape: [1, 12],
  concatenate: [1, 5, 2, 3],
  permute: [1, 3, 2, 2],
  slice: [1, 1, 1, 2],
};

for (const { name, form, from } of MOVES) {
  test(`a ${name} takes one number from its place`, () => {
    const whole = {
      kind: "rearrangement",
      inputs: ["activation/a"],
      axis: null,
      axes: null,
      starts: null,
      steps: null,
      ...form,
    } as Form;
    const output = MOVED_SHAPE[name as keyof typeof MOVED_SHAPE];
    const shapes = shapesOf({
      "activation/a": [1, 2, 2, 3],
      "activation/b": [1, 3, 2, 3],
      "activation/out": output,
    });
    const [read, ...more] = reads(
      callOf(whole),
      MOVED_INDEX[name as keyof typeof MOVED_INDEX],
      shapes,
      new Map(),
    );
    assert.deepEqual({ key: read.key, index: read.index }, from);
    assert.equal(more.length, 0);
  });
}

test("a call without a form reads nothing that is known", () => {
  assert.deepEqual(reads(callOf(null), [0, 0], shapesOf({}), new Map()), []);
});

test("the way back through LeNet equals the reads followed one by one", () => {
  const shapes = shapesOf(LENET_SHAPES);
  for (const start of [
    { key: "activation/pool2", index: [0, 3, 4, 0] },
    { key: "activation/conv2", index: [0, 7, 0, 9] },
  ]) {
    const marked = new Map<string, Set<string>>([[start.key, new Set([start.index.join()])]]);
    for (const call of LENET.toReversed()) {
      for (const at of marked.get(call.output) ?? []) {
        for (const read of reads(call, at.split(",").map(Number), shapes, noWeights())) {
          if (!marked.has(read.key)) marked.set(read.key, new Set());
          marked.get(read.key)?.add(read.index.join());
        }
      }
    }
    const back = readsBack(LENET, start, shapes, noWeights());
    assert.deepEqual([...back.keys()].sort(), [...marked.keys()].sort());
    for (const [key, places] of back) {
      const shape = shapes(key);
      const found = [...places].map((place) => {
        const index: number[] = [];
        for (const length of shape.toReversed()) {
          index.unshift(place % length);
          place = Math.floor(place / length);
        }
        return index.join();
      });
      assert.deepEqual(new Set(found), marked.get(key), key);
    }
  }
});

function noWeights() {
  return new Map(["conv1", "conv2"].map((name) => [`weight/${name}.weight`, counting([16, 6, 5, 5])]));
}

test("a shortcut past a convolution marks its own unit alone, not the same place of every map", () => {
  const convolution: Form = {
    kind: "weighted_sum",
    input: "activation/input",
    weight: "weight/w",
    bias: null,
    shift: null,
    groups: 1,
    kernel: [1, 1],
    stride: [2, 2],
    padding: [0, 0],
    dilation: [1, 1],
    divisor: null,
  };
  const addition: Form = {
    kind: "pointwise",
    function: "add",
    inputs: ["activation/c", "activation/s"],
    scales: null,
    constant: null,
  };
  const slice: Form = {
    kind: "rearrangement",
    how: "slice",
    inputs: ["activation/input"],
    axis: null,
    axes: null,
    starts: [0, 0, 1, 1],
    steps: [1, 1, 2, 2],
  };
  const calls = [
    { ...callOf(convolution), output: "activation/c" },
    { ...callOf(slice), output: "activation/s" },
    callOf(addition),
  ];
  const half = [1, 3, 2, 2];
  const shapes = shapesOf({
    "activation/input": [1, 3, 4, 4],
    "activation/c": half,
    "activation/s": half,
    "activation/out": half,
  });
  const back = readsBack(calls, { key: "activation/out", index: [0, 0, 0, 0] }, shapes, noWeights());
  // Place 0 of each of the three maps through the convolution; row 1, column 1 of map 0 by the shortcut.
  assert.deepEqual([...(back.get(INPUT) ?? [])], [0, 5, 16, 32]);
});

// 5 x 5, then 2 x 2 stride 2, then 5 x 5 at jump 2, then 2 x 2 stride 2 at jump 2: 5, 6, 14, 16 pixels.
for (const { layer, side } of [
  { layer: "conv1", side: 5 },
  { layer: "pool1", side: 6 },
  { layer: "conv2", side: 14 },
  { layer: "pool2", side: 16 },
]) {
  test(`a unit of LeNet's ${layer} sees ${side} x ${side} pixels`, () => {
    const unit = { key: `activation/${layer}`, index: [0, 0, 0, 1] };
    const field = receptiveField(LENET, unit, shapesOf(LENET_SHAPES), noWeights());
    assert.deepEqual(field?.rows, [0, side]);
    assert.equal((field?.columns[1] ?? 0) - (field?.columns[0] ?? 0), side);
  });
}

test("a score of LeNet sees the whole image", () => {
  const unit = { key: "activation/scores", index: [0, 4] };
  const back = readsBack(LENET, unit, shapesOf(LENET_SHAPES), noWeights());
  assert.equal(back.get(INPUT)?.length, 32 * 32);
});
