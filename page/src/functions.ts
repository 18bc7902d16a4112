// The functions of pointwise forms. It mirrors src/convlens/tracing/_functions.py, which says what each bound rests on.

import type { Pointwise } from "./types.ts";

interface FunctionOf {
  /** From the numbers read and the form to the value, in float64. */
  readonly of: (values: readonly number[], form: Pointwise) => number;
  /** How many roundings torch may make. */
  readonly roundings: number;
  /** Whether these are relative to the number read, else to what comes out. */
  readonly ofValue?: boolean;
  /** How people write it. */
  readonly title: string;
}

/** tanh, exp and the like: vectorised ones err by some units in the last place. */
export const FUNCTION_ROUNDINGS = 8;

/** 1 / (1 + e^-value), by the branch that cannot overflow. */
function sigmoid(value: number): number {
  const small = Math.exp(-Math.abs(value));
  return (value >= 0 ? 1 : small) / (1 + small);
}

function softplus(value: number): number {
  return Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
}

const ERROR_FUNCTION_ENDS = 6; // erfc(6) < 2^-53

/** The error function: its Maclaurin series near 0, its continued fraction beyond. */
function erf(value: number): number {
  const size = Math.abs(value);
  if (Number.isNaN(value) || size >= ERROR_FUNCTION_ENDS) return Math.sign(value);
  if (size >= 2.5) return value < 0 ? erfc(size) - 1 : 1 - erfc(size);
  let term = value;
  let sum = value;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (-value * value) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** 1 - erf(value), without the digits that the difference would lose. */
function erfc(value: number): number {
  if (!(value >= 2.5)) return 1 - erf(value);
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (value + fraction);
  return Math.exp(-value * value) / Math.sqrt(Math.PI) / (value + fraction);
}

function elu(value: number, alpha: number): number {
  return value > 0 ? value : alpha * Math.expm1(value);
}

function clamp(value: number, { low, high }: Pointwise): number {
  if (Number.isNaN(value)) return value;
  return Math.min(Math.max(value, low ?? Number.NEGATIVE_INFINITY), high ?? Number.POSITIVE_INFINITY);
}

const ofOne = (of: (value: number) => number) => (values: readonly number[]) => of(values[0]);
const relu6 = (value: number): number => Math.min(Math.max(value, 0), 6);
const [SELU_ALPHA, SELU_SCALE] = [1.6732632423543772, 1.0507009873554805]; // Klambauer et al. (2017)

export const FUNCTIONS: Readonly<Record<Exclude<Pointwise["function"], "add">, FunctionOf>> = {
  relu: { title: "ReLU", of: ofOne((x) => Math.max(0, x)), roundings: 0 },
  abs: { title: "abs", of: ofOne(Math.abs), roundings: 0 },
  clamp: { title: "clamp", of: ([x], form) => clamp(x, form), roundings: 0 },
  leaky_relu: {
    title: "leaky ReLU",
    of: ([x, slope], { constant }) => (x > 0 ? x : x * (constant ?? slope)),
    roundings: 1,
  },
  elu: { title: "ELU", of: ([x], { constant }) => elu(x, constant ?? 0), roundings: FUNCTION_ROUNDINGS },
  selu: { title: "SELU", of: ofOne((x) => SELU_SCALE * elu(x, SELU_ALPHA)), roundings: 10 },
  tanh: { title: "tanh", of: ofOne(Math.tanh), roundings: FUNCTION_ROUNDINGS },
  sigmoid: { title: "sigmoid", of: ofOne(sigmoid), roundings: FUNCTION_ROUNDINGS },
  silu: { title: "SiLU", of: ofOne((x) => x * sigmoid(x)), roundings: 9 },
  mish: { title: "Mish", of: ofOne((x) => x * Math.tanh(softplus(x))), roundings: 16, ofValue: true },
  softplus: { title: "softplus", of: ofOne(softplus), roundings: FUNCTION_ROUNDINGS },
  log_sigmoid: { title: "log sigmoid", of: ofOne((x) => -softplus(-x)), roundings: FUNCTION_ROUNDINGS },
  sign: { title: "sign", of: ofOne((x) => Math.sign(x) || 0), roundings: 0 }, // of NaN torch makes 0
  sin: { title: "sin", of: ofOne(Math.sin), roundings: FUNCTION_ROUNDINGS },
  cos: { title: "cos", of: ofOne(Math.cos), roundings: FUNCTION_ROUNDINGS },
  gelu: {
    title: "GELU",
    of: ofOne((x) => 0.5 * x * erfc(-x / Math.SQRT2)),
    roundings: FUNCTION_ROUNDINGS,
    ofValue: true,
  },
  gelu_tanh: {
    title: "GELU",
    of: ofOne((x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))),
    roundings: 16,
    ofValue: true,
  },
  hardsigmoid: { title: "hard sigmoid", of: ofOne((x) => relu6(x + 3) / 6), roundings: 4 },
  hardswish: { title: "hard swish", of: ofOne((x) => (x * relu6(x + 3)) / 6), roundings: 5 },
  exp: { title: "exp", of: ofOne(Math.exp), roundings: FUNCTION_ROUNDINGS },
  log: { title: "ln", of: ofOne(Math.log), roundings: FUNCTION_ROUNDINGS },
  erf: { title: "erf", of: ofOne(erf), roundings: FUNCTION_ROUNDINGS },
  maximum: { title: "the larger", of: (values) => Math.max(...values), roundings: 0 },
  minimum: { title: "the smaller", of: (values) => Math.min(...values), roundings: 0 },
  multiply_add: {
    title: "product added",
    of: ([x, a, b], { constant }) => x + a * b * (constant ?? 1),
    roundings: 3,
  },
  multiply: {
    title: "product",
    of: (values, { constant }) => values.reduce((product, factor) => product * factor, 1) * (constant ?? 1),
    roundings: 2,
  },
  divide: { title: "quotient", of: ([x, divisor], { constant }) => x / (constant ?? divisor), roundings: 2 },
  power: { title: "power", of: ([x], { constant }) => x ** (constant ?? 1), roundings: FUNCTION_ROUNDINGS },
};
