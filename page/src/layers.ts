// The layers of a net as the picture shows them: the input, and one for each call, in columns by how far from the input they are.

import { INPUT, type ShapeOf } from "./forms.ts";
import { FUNCTIONS } from "./functions.ts";
import { count } from "./indexing.ts";
import type { Call, Form } from "./types.ts";

export interface Layer {
  readonly name: string;
  readonly key: string;
  /** The item of the batch is left out. */
  readonly shape: readonly number[];
  /** Null for the input. */
  readonly call: Call | null;
  /** The keys that it reads, each once. */
  readonly sources: readonly string[];
  /** The most calls that lie between it and the input, itself included; 0 for the input. */
  readonly depth: number;
  /** What it does, in a word or two. */
  readonly does: string;
  /** Whether each of its maps reads one map of each source alone, as in pooling, a ReLU or batch norm. */
  readonly mapByMap: boolean;
}

/** What the net reads, then every call, in the order in which they ran. */
export function layersOf(calls: readonly Call[], shapes: ShapeOf): Layer[] {
  const input: Layer = {
    name: INPUT.replace("activation/", ""),
    key: INPUT,
    shape: shapes(INPUT).slice(1),
    call: null,
    sources: [],
    depth: 0,
    does: "pixels",
    mapByMap: false,
  };
  const depths = new Map([[INPUT, 0]]);
  const layers = [input];
  for (const call of calls) {
    const sources = [...new Set(sourcesOf(call.form))].filter((key) => depths.has(key));
    // A call whose inputs are unknown stands after the one that ran before it.
    const before = sources.length ? sources : [layers[layers.length - 1].key];
    const depth = 1 + Math.max(...before.map((key) => depths.get(key) ?? 0));
    depths.set(call.output, depth);
    layers.push({
      name: call.name,
      key: call.output,
      shape: shapes(call.output).slice(1),
      call,
      sources,
      depth,
      does: describe(call.form),
      mapByMap: isMapByMap(call.form, shapes(call.output)),
    });
  }
  return layers;
}

/** The keys of the activations that a form reads. */
export function sourcesOf(form: Form | null): readonly string[] {
  if (form === null) return [];
  if (form.kind === "contraction") return [form.left, form.right];
  return "inputs" in form ? form.inputs : [form.input];
}

function isMapByMap(form: Form | null, output: readonly number[]): boolean {
  if (form === null) return false;
  if (form.kind === "weighted_sum")
    return form.weight === null || (form.groups > 1 && form.groups === output[1]);
  return form.kind === "maximum" || form.kind === "pointwise";
}

const window = (kernel: readonly number[]): string => kernel.join("×");

function describe(form: Form | null): string {
  if (form === null) return "unsupported";
  switch (form.kind) {
    case "weighted_sum":
      if (form.weight === null) return `mean ${window(form.kernel)}`;
      if (form.kernel.length === 0) return "linear";
      if (form.groups > 1 && count(form.kernel) === 1) return "scale, shift";
      return `${form.transposed ? "transposed" : "filters"} ${window(form.kernel)}`;
    case "maximum":
      return `max ${window(form.kernel)}`;
    case "pointwise":
      return form.function === "add" ? "sum" : FUNCTIONS[form.function].title;
    case "normalisation":
      return form.function === "softmax" ? "softmax" : "log softmax";
    case "contraction":
      return "matrix product";
    case "standardisation":
      return "standardised";
    case "reduction":
      return REDUCTION[form.function];
    case "resampling":
      return "resampled";
    case "rearrangement":
      return REARRANGEMENT[form.how];
  }
}

const REDUCTION = {
  sum: "sum",
  mean: "mean",
  maximum: "largest",
  minimum: "smallest",
  norm: "norm",
  variance: "variance",
} as const;

const REARRANGEMENT = {
  reshape: "reshape",
  concatenate: "join",
  stack: "stack",
  gather: "moved",
  permute: "reorder",
  slice: "cut",
  pad: "padding",
  strided: "view",
} as const;
