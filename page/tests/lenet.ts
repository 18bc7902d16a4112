// LeNet's calls and shapes, as a trace states them.

import type { Call, Form } from "../src/types.ts";

function call(name: string, form: Form): Call {
  return { name, module: name, operator: "", output: `activation/${name}`, form, reason: null };
}

function sum(name: string, input: string, side: number | null): Call {
  const axes = (length: number) => (side === null ? [] : [length, length]);
  return call(name, {
    kind: "weighted_sum",
    input: `activation/${input}`,
    weight: `weight/${name}.weight`,
    bias: `weight/${name}.bias`,
    shift: null,
    groups: 1,
    kernel: axes(side ?? 0),
    stride: axes(1),
    padding: axes(0),
    dilation: axes(1),
    divisor: null,
  });
}

function relu(name: string, input: string): Call {
  const inputs = [`activation/${input}`];
  return call(name, { kind: "pointwise", function: "relu", inputs, scales: null, constant: null });
}

function pool(name: string, input: string): Call {
  const window = { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1] };
  return call(name, { kind: "maximum", input: `activation/${input}`, ...window });
}

export const LENET: readonly Call[] = [
  sum("conv1", "input", 5),
  relu("relu1", "conv1"),
  pool("pool1", "relu1"),
  sum("conv2", "pool1", 5),
  relu("relu2", "conv2"),
  pool("pool2", "relu2"),
  call("flatten", {
    kind: "rearrangement",
    how: "reshape",
    inputs: ["activation/pool2"],
    axis: null,
    axes: null,
    starts: null,
    steps: null,
  }),
  sum("fc1", "flatten", null),
  relu("relu3", "fc1"),
  sum("fc2", "relu3", null),
  relu("relu4", "fc2"),
  sum("scores", "relu4", null),
];

export const LENET_SHAPES: Readonly<Record<string, readonly number[]>> = {
  "activation/input": [1, 1, 32, 32],
  "activation/conv1": [1, 6, 28, 28],
  "activation/relu1": [1, 6, 28, 28],
  "activation/pool1": [1, 6, 14, 14],
  "activation/conv2": [1, 16, 10, 10],
  "activation/relu2": [1, 16, 10, 10],
  "activation/pool2": [1, 16, 5, 5],
  "activation/flatten": [1, 400],
  "activation/fc1": [1, 120],
  "activation/relu3": [1, 120],
  "activation/fc2": [1, 100],
  "activation/relu4": [1, 100],
  "activation/scores": [1, 10],
};
