import assert from "node:assert/strict";
import { test } from "node:test";
import { channelsOf, type Explanation, explain, fold, type Numbers, shapesIn } from "../src/explain.ts";
import { printed } from "../src/numbers.ts";
import type { Call, Form, Tensor, WeightedSum } from "../src/types.ts";
import { random, randomTensor } from "./random.ts";

function callOf(form: Form | null): Call {
  return { name: "out", module: "out", operator: "", output: "activation/out", form, reason: "why not" };
}

const CONVOLUTION: WeightedSum = {
  kind: "weighted_sum",
  input: "activation/in",
  weight: "weight/w",
  bias: "weight/b",
  shift: null,
  groups: 1,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  divisor: null,
};

/** What a net computes that adds each product in float32, one after another. */
function convolved(input: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [, channels, rows, columns] = input.shape;
  const maps = weight.shape[0];
  const data = new Float32Array(maps * rows * columns);
  const at = (tensor: Tensor, place: number) => Number(tensor.data[place]);
  for (let o = 0; o < maps; o++)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        let sum = Math.fround(at(bias, o));
        for (let c = 0; c < channels; c++)
          for (let k = 0; k < 3; k++)
            for (let l = 0; l < 3; l++) {
              const [r, s] = [row + k - 1, column + l - 1];
              if (r < 0 || r >= rows || s < 0 || s >= columns) continue;
              const value = at(input, (c * rows + r) * columns + s);
              const product = Math.fround(value * at(weight, ((o * channels + c) * 3 + k) * 3 + l));
              sum = Math.fround(sum + product);
            }
        data[(o * rows + row) * columns + column] = sum;
      }
  return { dtype: "float32", shape: [1, maps, rows, columns], data };
}

function convolution(seed: number): Numbers {
  const next = random(seed);
  const input = randomTensor([1, 3, 6, 5], next, 10 ** (next() * 4 - 2));
  const weight = randomTensor([4, 3, 3, 3], next);
  const bias = randomTensor([4], next);
  return {
    activations: new Map([
      ["activation/in", input],
      ["activation/out", convolved(input, weight, bias)],
    ]),
    weights: new Map([
      ["weight/w", weight],
      ["weight/b", bias],
    ]),
  };
}

function known(call: Call, index: number[], all: Numbers): Explanation {
  const explanation = explain(call, index, all);
  assert.ok(explanation);
  return explanation;
}

/** A printed decimal, exactly: its digits as one whole number. */
function unitsOf(text: string): bigint {
  assert.match(text, /^\u2212?\d+\.\d{4,}$/);
  return BigInt(text.replace("\u2212", "-").replace(".", ""));
}

const sumOf = (units: bigint[]) => units.reduce((sum, unit) => sum + unit, 0n);

test("every unit of a convolution closes, and its printed numbers add up as printed", () => {
  let cases = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const all = convolution(seed);
    for (let o = 0; o < 4; o++)
      for (let row = 0; row < 6; row++)
        for (let column = 0; column < 5; column++) {
          const found = known(callOf(CONVOLUTION), [0, o, row, column], all);
          assert.ok(found.closes, `${found.difference} against ${found.tolerance}`);
          const text = (units: number) => printed(units, found.decimals);
          const channels = channelsOf(found, CONVOLUTION, shapesIn(all));
          assert.equal(channels.length, 3);
          for (const channel of channels) {
            const taps = channel.taps.flatMap((tap) => (tap ? [unitsOf(text(tap.units))] : []));
            assert.equal(sumOf(taps), unitsOf(text(channel.units)));
          }
          const subtotals = channels.map((channel) => unitsOf(text(channel.units)));
          const addends = found.addends.map((addend) => unitsOf(text(addend.units)));
          const total = unitsOf(text(found.units.total));
          assert.equal(sumOf([...subtotals, ...addends]), total);
          assert.equal(total - unitsOf(text(found.units.recorded)), unitsOf(text(found.units.difference)));
          cases++;
        }
  }
  assert.equal(cases, 20 * 4 * 6 * 5);
});

test("a wrong recorded value does not close", () => {
  const all = convolution(7);
  const out = all.activations.get("activation/out");
  assert.ok(out);
  (out.data as Float32Array)[8] += 1e-3;
  assert.equal(known(callOf(CONVOLUTION), [0, 0, 1, 3], all).closes, false);
});

test("the tolerance is gamma(k + 1) times the sum of magnitudes", () => {
  const all = convolution(3);
  const found = known(callOf(CONVOLUTION), [0, 2, 3, 3], all);
  const magnitude = [
    ...found.terms.map((term) => term.product),
    ...found.addends.map((addend) => addend.value),
  ]
    .map(Math.abs)
    .reduce((sum, size) => sum + size);
  const spent = 28 * 2 ** -24; // 27 products and the bias
  const expected = (spent / (1 - spent)) * magnitude;
  assert.ok(Math.abs(found.tolerance - expected) <= 1e-12 * expected);
});

test("taps outside the input have a place in the window but no term", () => {
  const all = convolution(5);
  const found = known(callOf(CONVOLUTION), [0, 1, 0, 0], all);
  const [first] = channelsOf(found, CONVOLUTION, shapesIn(all));
  assert.deepEqual(
    first.taps.map((tap) => tap?.index.slice(2) ?? null),
    [null, null, null, null, [0, 0], [0, 1], null, [1, 0], [1, 1]],
  );
});

function one(values: number[], out: number, shape = [1, values.length]): Numbers {
  return {
    activations: new Map<string, Tensor>([
      ["activation/in", { dtype: "float32", shape, data: Float32Array.from(values) }],
      ["activation/out", { dtype: "float32", shape: [1, 1, 1, 1], data: Float32Array.of(out) }],
    ]),
    weights: new Map(),
  };
}

test("of equal values a maximum takes the first, and it is exact", () => {
  const window = { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1] };
  const call = callOf({ kind: "maximum", input: "activation/in", ...window });
  const found = known(call, [0, 0, 0, 0], one([1, 3, 3, 2], 3, [1, 1, 2, 2]));
  assert.equal(found.winner, 1);
  assert.equal(found.tolerance, 0);
  assert.ok(found.closes);
});

// softmax of 1, 2, 3 is 0.0900, 0.2447, 0.6652 (e^-2, e^-1, 1 over their sum 1.5032).
for (const { name, total } of [
  { name: "softmax" as const, total: 0.24472847105479764 },
  { name: "log_softmax" as const, total: -1.4076059644443801 },
]) {
  test(`a ${name} closes on its quotient`, () => {
    const call = callOf({ kind: "normalisation", function: name, input: "activation/in", axis: 1 });
    const { activations } = one([1, 2, 3], total, [1, 3]);
    const data = Float32Array.of(total, total, total);
    const whole = new Map([...activations, ["activation/out", { dtype: "float32", shape: [1, 3], data }]]);
    const found = known(call, [0, 1], { activations: whole as Numbers["activations"], weights: new Map() });
    assert.ok(Math.abs(found.total - total) < 1e-15);
    assert.ok(found.closes);
    assert.equal(found.winner, 1);
  });
}

for (const { name, value, total } of [
  { name: "relu" as const, value: -2, total: 0 },
  { name: "tanh" as const, value: 0.5, total: 0.46211715726000974 },
  { name: "sigmoid" as const, value: -1, total: 0.2689414213699951 },
]) {
  test(`${name} of ${value} is ${total}`, () => {
    const call = callOf({
      kind: "pointwise",
      function: name,
      inputs: ["activation/in"],
      scales: null,
      constant: null,
    });
    const found = known(call, [0, 0, 0, 0], one([value], total, [1, 1, 1, 1]));
    assert.ok(Math.abs(found.total - total) < 1e-15);
    assert.ok(found.closes);
  });
}

test("an addition weighs its inputs and adds its constant", () => {
  const call = callOf({
    kind: "pointwise",
    function: "add",
    inputs: ["activation/in", "activation/in"],
    scales: [1, -0.5],
    constant: 3,
  });
  const found = known(call, [0, 0, 0, 0], one([4], 5, [1, 1, 1, 1]));
  assert.deepEqual(
    found.terms.map((term) => term.product),
    [4, -2],
  );
  assert.equal(found.total, 5);
  assert.ok(found.closes);
});

test("a call without a form is not explained", () => {
  assert.equal(explain(callOf(null), [0, 0, 0, 0], one([1], 1)), null);
});

test("what is folded adds up to the rest of the sum", () => {
  const next = random(11);
  const all = Array.from({ length: 400 }, () => ({ units: Math.floor((next() - 0.5) * 1e9) }));
  const { shown, folded, units } = fold(all, 12);
  assert.equal(shown.length, 12);
  assert.equal(folded.length, 388);
  const add = (some: readonly { units: number }[]) => some.reduce((sum, item) => sum + item.units, 0);
  assert.equal(add(shown) + units, add(all));
  const least = Math.min(...shown.map((item) => Math.abs(item.units)));
  assert.ok(folded.every((item) => Math.abs(item.units) <= least));
});

test("a single leftover is shown, not folded", () => {
  const all = Array.from({ length: 13 }, (_, units) => ({ units }));
  assert.equal(fold(all, 12).folded.length, 0);
});
