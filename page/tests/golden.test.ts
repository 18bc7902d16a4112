// The page reads forms as Python does: tests/golden/explanations.json holds a net with every form and what Python prints of it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { channelsOf, explain, hasInnerSum, isSum, shapesIn } from "../src/explain.ts";
import { receptiveField } from "../src/forms.ts";
import { bound, printed } from "../src/numbers.ts";
import type { Call, Tensor } from "../src/types.ts";

interface Golden {
  readonly calls: readonly Call[];
  readonly tensors: Readonly<Record<string, { shape: number[]; data: number[] }>>;
  readonly explanations: readonly {
    readonly layer: string;
    readonly index: readonly number[];
    readonly reads: readonly (readonly [string, readonly number[]])[];
    readonly rows: readonly [number, number];
    readonly columns: readonly [number, number];
    readonly decimals: number;
    readonly terms: readonly string[];
    readonly subtotals: readonly string[];
    readonly addends: Readonly<Record<string, string>>;
    readonly sum: string | null;
    readonly total: string;
    readonly recorded: string;
    readonly difference: string;
    readonly tolerance: string;
    readonly closes: boolean;
  }[];
}

const file = new URL("../../tests/golden/explanations.json", import.meta.url);
const golden: Golden = JSON.parse(readFileSync(file, "utf8"));
const tensors = new Map<string, Tensor>(
  Object.entries(golden.tensors).map(([key, { shape, data }]) => {
    return [key, { dtype: "float32", shape, data: Float32Array.from(data) }];
  }),
);
const all = { activations: tensors, weights: tensors };
const callOf = new Map(golden.calls.map((call) => [call.name, call]));

/** "1.3 × 10⁻³⁸" or "0.0000013" as a number. */
function readBound(text: string): number {
  const digits = [...text].map((letter) =>
    "⁰¹²³⁴⁵⁶⁷⁸⁹".includes(letter) ? "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(letter) : letter,
  );
  return Number(digits.join("").replace(" × 10⁻", "e-"));
}

for (const expected of golden.explanations) {
  const { layer, index } = expected;
  test(`${layer} ${index.join(" ")} is explained as Python explains it`, () => {
    const call = callOf.get(layer);
    assert.ok(call);
    const found = explain(call, [0, ...index], all);
    assert.ok(found);
    const text = (units: number) => printed(units, found.decimals);
    assert.deepEqual(
      found.terms.map((term) => [term.key.replace(/^\w+\//, ""), term.index.slice(1)]),
      expected.reads,
    );
    assert.equal(found.decimals, expected.decimals);
    assert.deepEqual(
      found.terms.map((term) => text(term.units)),
      expected.terms,
    );
    if (hasInnerSum(found.form) && found.form.kind !== "normalisation") {
      for (const { name, value } of found.addends.filter(({ name }) => name !== "variance")) {
        const written = Number(expected.addends[name].replace("\u2212", "-")); // with nine digits
        assert.ok(Math.abs(written - value) <= 1e-8 * Math.abs(value), name);
      }
    } else {
      const addends = isSum(found.form) || found.form.kind === "rearrangement" ? found.addends : [];
      assert.deepEqual(
        Object.fromEntries(addends.map((addend) => [addend.name, text(addend.units)])),
        expected.addends,
      );
    }
    assert.equal(found.units.sum === null ? null : text(found.units.sum), expected.sum);
    assert.equal(text(found.units.total), expected.total);
    assert.equal(text(found.units.recorded), expected.recorded);
    assert.equal(text(found.units.difference), expected.difference);
    assert.equal(readBound(bound(found.tolerance, 4)), Number(expected.tolerance));
    assert.equal(found.closes, expected.closes);
    if (found.form.kind === "weighted_sum") {
      const channels = channelsOf(found, found.form, shapesIn(all));
      assert.deepEqual(
        channels.map((channel) => text(channel.units)),
        expected.subtotals,
      );
    }
  });

  test(`${layer} ${index.join(" ")} sees the pixels that Python finds`, () => {
    const key = `activation/${layer}`;
    const field = receptiveField(golden.calls, { key, index: [0, ...index] }, shapesIn(all), tensors);
    const none = { rows: [0, 0], columns: [0, 0] }; // beside a padded input
    assert.deepEqual({ ...(field ?? none) }, { rows: expected.rows, columns: expected.columns });
  });
}
