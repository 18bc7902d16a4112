// The arithmetic of one unit: its form evaluated in float64, and the check against what the net computed. It mirrors
// src/convlens/tracing/_explain.py; tests/golden holds the two together.

import { broadcastIndex, eachTap, numbers, type Read, reads, type ShapeOf } from "./forms.ts";
import { FUNCTION_ROUNDINGS, FUNCTIONS } from "./functions.ts";
import { placeOf } from "./indexing.ts";
import { countDecimals, rounded } from "./numbers.ts";
import type {
  Call,
  Form,
  Maximum,
  Normalisation,
  Pointwise,
  Rearrangement,
  Reduction,
  Standardisation,
  Tensors,
  WeightedSum,
} from "./types.ts";

/** One number that a unit is made of. */
export interface Term extends Read {
  readonly value: number;
  /** What it adds: value times weight; the value itself in a maximum; e^(value - largest) in a softmax; (value - mean)² / count. */
  readonly product: number;
  /** The product as printed: a whole count of units in the last decimal. */
  readonly units: number;
}

/** What counts beside the terms. */
export interface Addend {
  readonly name:
    | "bias"
    | "shift"
    | "constant"
    | "largest"
    | "padding"
    | "mean"
    | "variance"
    | "epsilon"
    | "scale";
  readonly value: number;
  readonly units: number;
}

export interface Explanation {
  readonly call: Call;
  readonly form: Form;
  /** Into the call's whole output, item of the batch first. */
  readonly index: readonly number[];
  readonly terms: readonly Term[];
  readonly addends: readonly Addend[];
  /** The form's value in float64. */
  readonly total: number;
  readonly recorded: number;
  /** Total minus recorded value. */
  readonly difference: number;
  /** How far the two may lie apart by rounding alone. */
  readonly tolerance: number;
  readonly closes: boolean;
  /** Which term a maximum takes, or which is a softmax's own; else null. */
  readonly winner: number | null;
  /** All numbers of the explanation are printed with this many decimals. */
  readonly decimals: number;
  /** What is printed below the terms, in units of the last decimal. */
  readonly units: {
    /** Of a sum all terms and addends, exactly; of a softmax its exponentials; of a standardisation the variance. */
    readonly sum: number | null;
    /** Of a sum the same. */
    readonly total: number;
    readonly recorded: number;
    readonly difference: number;
  };
}

/** What a form makes of its values, in float64. */
interface Evaluation {
  readonly products: readonly number[];
  readonly addends: readonly (readonly [Addend["name"], number])[];
  readonly total: number;
  readonly tolerance: number;
  readonly winner: number | null;
}

const ROUNDOFF = 2 ** -24; // of float32: half the distance from 1 to the next larger number
const LARGEST = (2 - 2 ** -23) * 2 ** 127; // beyond it float32 is infinite
const SMALLEST = 2 ** -126; // float32 loses digits below it: each rounding may add as much, at most
const DERIVED_WEIGHT_ROUNDINGS = 8; // batch normalisation: what Python derives scale and shift with

/** Bound the relative error of this many roundings. Source: Higham (2002), section 3.1. */
function gamma(roundings: number): number {
  const spent = roundings * ROUNDOFF;
  return spent < 1 ? spent / (1 - spent) : Number.POSITIVE_INFINITY;
}

/** How far this many roundings may lead from a number of this magnitude. */
function rounding(magnitude: number, roundings: number): number {
  return gamma(roundings) * Math.abs(magnitude) + roundings * SMALLEST;
}

function add(summands: Iterable<number>): number {
  let sum = 0;
  for (const summand of summands) sum += summand;
  return sum;
}

function sum(products: number[], addends: Evaluation["addends"], roundings: number): Evaluation {
  const beside = addends.map(([, value]) => value);
  const magnitude = add(products.map(Math.abs)) + add(beside.map(Math.abs));
  const total = add(products) + add(beside);
  return { products, addends, total, tolerance: rounding(magnitude, roundings), winner: null };
}

function weightedSum(form: WeightedSum, products: number[], addends: Evaluation["addends"]): Evaluation {
  const derived = form.shift === null ? 0 : DERIVED_WEIGHT_ROUNDINGS;
  return sum(products, addends, products.length + 1 + derived);
}

function maximum(values: number[]): Evaluation {
  let winner = 0;
  for (let i = 1; i < values.length; i++) {
    // torch takes NaN for the largest
    if (values[i] > values[winner] || (Number.isNaN(values[i]) && !Number.isNaN(values[winner]))) winner = i;
  }
  return { products: values, addends: [], total: values[winner], tolerance: 0, winner };
}

function pointwise(form: Pointwise, values: number[], products: number[]): Evaluation {
  const addends = form.constant === null ? [] : ([["constant", form.constant]] as const);
  if (form.function === "add") return sum(products, addends, products.length + 1);
  const { of, roundings, ofValue } = FUNCTIONS[form.function];
  const total = of(values, form);
  if (form.function === "multiply_add") {
    const magnitude = Math.abs(values[0]) + Math.abs(total - values[0]);
    return { products: values, addends, total, tolerance: rounding(magnitude, roundings), winner: null };
  }
  const tolerance = roundings ? rounding(ofValue ? values[0] : total, roundings) : 0;
  return { products: values, addends, total, tolerance, winner: null };
}

function normalisation(form: Normalisation, values: number[], own: number): Evaluation {
  const largest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const finite = values.filter(Number.isFinite); // minus infinity has no share to round
  const smallest = finite.reduce((least, value) => Math.min(least, value), largest);
  const exponentials = values.map((value) => Math.exp(value - largest));
  const whole = add(exponentials);
  // Rounding value - largest moves its exponential by that much again, relatively.
  const relative = gamma(values.length + FUNCTION_ROUNDINGS + (largest - smallest));
  const softmax = form.function === "softmax";
  const total = softmax ? exponentials[own] / whole : values[own] - largest - Math.log(whole);
  const tolerance = softmax ? relative * total + SMALLEST : relative * (1 + Math.abs(total));
  const addends = [["largest", largest]] as const;
  return { products: exponentials, addends, total, tolerance, winner: own };
}

/** It mirrors _reduce in _explain.py. */
function reduction(form: Reduction, values: number[], products: number[]): Evaluation {
  if (form.function === "sum" || form.function === "mean") return sum(products, [], products.length + 2);
  if (form.function === "maximum") return maximum(values);
  if (form.function === "minimum") {
    const { winner } = maximum(values.map((value) => -value));
    return { products: values, addends: [], total: values[winner ?? 0], tolerance: 0, winner };
  }
  const length = values.length;
  if (form.function === "norm") {
    const squares = values.map((value) => value ** 2);
    const total = Math.sqrt(add(squares));
    return { products: squares, addends: [], total, tolerance: rounding(total, length + 2), winner: null };
  }
  const mean = add(values) / length;
  const divisor = length - form.correction;
  const squares = values.map((value) => (value - mean) ** 2 / divisor);
  const magnitude = ((add(values.map((value) => value ** 2)) / length + mean ** 2) * length) / divisor;
  const tolerance = rounding(magnitude, length + 4);
  return { products: squares, addends: [["mean", mean]], total: add(squares), tolerance, winner: null };
}

/** It mirrors _standardise in _explain.py, which says what the bound rests on. */
function standardisation(
  form: Standardisation,
  read: readonly Read[],
  values: number[],
  index: readonly number[],
  all: Numbers,
): Evaluation {
  const own = numberAt(all, form.input, index);
  const length = values.length;
  const mean = add(values) / length;
  const squares = values.map((value) => (value - mean) ** 2 / length);
  const variance = add(squares);
  const at = (key: string | null, none: number) =>
    key === null ? none : numberAt(all, key, broadcastIndex(index, shapesIn(all)(key)));
  const [scale, bias] = [at(form.weight, 1), at(form.bias, 0)];
  const root = (variance + form.epsilon) ** -0.5;
  const total = (own - mean) * root * scale + bias;
  const meanError = gamma(length + 1) * (add(values.map(Math.abs)) / length);
  const varianceError = gamma(length + 4) * (add(values.map((value) => value ** 2)) / length + mean ** 2);
  const least = variance + form.epsilon - varianceError;
  const rootError = least > 0 ? least ** -0.5 - root : Number.POSITIVE_INFINITY;
  const spread = meanError * (root + rootError) + Math.abs(own - mean) * rootError;
  const rest = Math.abs(scale) * root * (Math.abs(own) + Math.abs(mean)) + Math.abs(bias);
  const tolerance = Math.abs(scale) * spread + gamma(FUNCTION_ROUNDINGS) * rest + SMALLEST;
  const addends = Object.entries({ mean, variance, epsilon: form.epsilon, scale, bias }) as [
    Addend["name"],
    number,
  ][];
  const winner = read.findIndex((one) => one.index.every((place, axis) => place === index[axis]));
  return { products: squares, addends, total, tolerance, winner };
}

/** Every tensor of a trace and its net: activations and weights. */
export interface Numbers {
  readonly activations: Tensors;
  readonly weights: Tensors;
}

/** Where the tensors of a key stand. */
export function holding(all: Numbers, key: string): Tensors {
  return key.startsWith("weight/") ? all.weights : all.activations;
}

export function shapesIn(all: Numbers): ShapeOf {
  return (key) => {
    const tensor = holding(all, key).get(key);
    if (!tensor) throw new RangeError(`A form names a tensor that did not come. Received key=${key}.`);
    return tensor.shape;
  };
}

/** One number of a tensor. */
export function numberAt(all: Numbers, key: string, index: readonly number[]): number {
  return numbers(holding(all, key), key)[placeOf(index, shapesIn(all)(key))];
}

function evaluate(
  form: Form,
  read: Read[],
  values: number[],
  index: readonly number[],
  all: Numbers,
): Evaluation {
  const weighted = () => values.map((value, i) => value * (read[i].weight ?? 1));
  switch (form.kind) {
    case "weighted_sum": {
      const addends = (["bias", "shift"] as const).flatMap((name) => {
        const key = form[name];
        return key === null ? [] : [[name, numbers(all.weights, key)[index[1]]] as const];
      });
      return weightedSum(form, weighted(), addends);
    }
    case "maximum":
      return maximum(values);
    case "pointwise":
      return pointwise(form, values, weighted());
    case "normalisation":
      return normalisation(form, values, index[form.axis]);
    case "contraction":
      return sum(weighted(), [], values.length + 1);
    case "standardisation":
      return standardisation(form, read, values, index, all);
    case "reduction":
      return reduction(form, values, weighted());
    case "resampling":
      return sum(weighted(), [], values.length + DERIVED_WEIGHT_ROUNDINGS);
    case "rearrangement": {
      const [total = fillOf(form)] = values;
      const addends = values.length > 0 ? [] : ([["padding", total]] as const);
      return { products: values, addends, total, tolerance: 0, winner: null };
    }
  }
}

/**
 * Evaluate a call's form at one index of its output.
 *
 * @param index into the call's whole output, item of the batch first.
 * @returns null where the call has no form.
 */
export function explain(call: Call, index: readonly number[], all: Numbers): Explanation | null {
  const { form } = call;
  if (form === null) return null;
  const read = reads(call, index, shapesIn(all), all.weights).map((one) =>
    one.factor ? { ...one, weight: numberAt(all, one.factor.key, one.factor.index) } : one,
  );
  const values = read.map((one) => numberAt(all, one.key, one.index));
  const evaluation = evaluate(form, read, values, index, all);
  const { products, tolerance, winner } = evaluation;
  const overflows = Math.abs(evaluation.total) > LARGEST;
  const total = overflows ? Math.sign(evaluation.total) * Number.POSITIVE_INFINITY : evaluation.total;
  const recorded = numberAt(all, call.output, index);
  const difference = total === recorded ? 0 : total - recorded;
  const decimals = decimalsOf(form, evaluation, [...values, total, recorded]);
  const terms = read.map((one, i) => {
    return { ...one, value: values[i], product: products[i], units: rounded(products[i], decimals) };
  });
  const addends = evaluation.addends.map(([name, value]) => ({
    name,
    value,
    units: rounded(value, decimals),
  }));
  return {
    call,
    form,
    index,
    terms,
    addends,
    total,
    recorded,
    difference,
    tolerance,
    closes: (Number.isNaN(total) && Number.isNaN(recorded)) || Math.abs(difference) <= tolerance,
    winner,
    decimals,
    units: below(form, terms, addends, {
      total: rounded(total, decimals),
      recorded: rounded(recorded, decimals),
    }),
  };
}

/** What stands where a rearrangement reads no number. */
export function fillOf(form: Rearrangement): number {
  return form.fill === null ? Number.NEGATIVE_INFINITY : (form.fill ?? 0);
}

/** Whether a form's terms are squares or exponentials that are summed on the way to its value. */
export function hasInnerSum(form: Form): boolean {
  if (form.kind === "reduction") return form.function === "norm" || form.function === "variance";
  return form.kind === "normalisation" || form.kind === "standardisation";
}

/** Whether a form's value is the sum of its terms and addends. */
export function isSum(form: Form): boolean {
  return (
    form.kind === "weighted_sum" ||
    form.kind === "contraction" ||
    form.kind === "resampling" ||
    (form.kind === "reduction" && (form.function === "sum" || form.function === "mean")) ||
    (form.kind === "pointwise" && form.function === "add")
  );
}

function decimalsOf(form: Form, evaluation: Evaluation, shown: readonly number[]): number {
  const { products, addends, tolerance } = evaluation;
  const magnitude = add(products.map(Math.abs));
  if (isSum(form)) {
    const beside = add(addends.map(([, value]) => Math.abs(value)));
    return countDecimals(products.length + addends.length, { tolerance, magnitude: magnitude + beside });
  }
  if (hasInnerSum(form)) {
    const spent = gamma(products.length + 1) * magnitude;
    return countDecimals(products.length, { tolerance: spent, magnitude });
  }
  return countDecimals(1, {
    tolerance: 0,
    magnitude: shown.reduce((most, x) => Math.max(most, Math.abs(x)), 0),
  });
}

/** What is printed below the terms. */
function below(
  form: Form,
  terms: readonly Term[],
  addends: readonly Addend[],
  own: { readonly total: number; readonly recorded: number },
): Explanation["units"] {
  const ofTerms = add(terms.map((term) => term.units));
  const sum = isSum(form) ? ofTerms + add(addends.map((addend) => addend.units)) : ofTerms;
  const total = isSum(form) ? sum : own.total;
  const hasSum = isSum(form) || hasInnerSum(form);
  return { sum: hasSum ? sum : null, total, recorded: own.recorded, difference: total - own.recorded };
}

/** The terms that come from one map (or, of a linear layer, from all features). */
export interface Channel {
  /** Which map of the input. */
  readonly channel: number;
  /** For each tap of the kernel, row-major: its term, or null where the tap lies outside the input. */
  readonly taps: readonly (Term | null)[];
  /** The exact sum of the printed terms, in units of the last decimal. */
  readonly units: number;
}

/** Divide the terms of a window into maps, a place for each tap. */
export function channelsOf(
  explanation: Explanation,
  form: WeightedSum | Maximum,
  shapes: ShapeOf,
): Channel[] {
  const inside: number[] = [];
  eachTap(form, explanation.index.slice(2), shapes(form.input).slice(2), (tap) => inside.push(tap));
  const taps = form.kernel.reduce((product, length) => product * length, 1);
  const channels: Channel[] = [];
  for (let start = 0; start < explanation.terms.length; start += inside.length) {
    const terms = explanation.terms.slice(start, start + inside.length);
    const grid = new Array<Term | null>(taps).fill(null);
    for (const [i, tap] of inside.entries()) grid[tap] = terms[i];
    channels.push({ channel: terms[0].index[1], taps: grid, units: add(terms.map((term) => term.units)) });
  }
  return channels;
}

/** The largest of a list, largest first, and the others as one. */
export interface Folded<T> {
  readonly shown: readonly T[];
  readonly folded: readonly T[];
  /** The exact sum of what is folded, in units of the last decimal. */
  readonly units: number;
}

/**
 * Fold all but the `most` largest into one printed sum. A list without more stays in its own order; folding a single
 * one saves nothing and is not done.
 */
export function fold<T extends { readonly units: number }>(all: readonly T[], most: number): Folded<T> {
  if (all.length <= most + 1) return { shown: all, folded: [], units: 0 };
  const bySize = all.toSorted((a, b) => Math.abs(b.units) - Math.abs(a.units));
  const folded = bySize.slice(most);
  return { shown: bySize.slice(0, most), folded, units: add(folded.map(({ units }) => units)) };
}
