// Where a unit goes: the calls that read it, and what becomes of it there. The inverse of forms.ts.

import { type Explanation, explain, type Numbers, numberAt, shapesIn } from "./explain.ts";
import { channelsRead, membersOf, type ShapeOf, tapsOf, type Window } from "./forms.ts";
import { count, indexAt, placeOf } from "./indexing.ts";
import type {
  Call,
  Maximum,
  Pointwise,
  Rearrangement,
  Reduction,
  Resampling,
  Tensors,
  WeightedSum,
} from "./types.ts";

/** The positions along one axis whose window has a tap at `place`. */
function positionsOver(window: Window, axis: number, place: number, size: number): number[] {
  const found: number[] = [];
  for (let k = 0; k < window.kernel[axis]; k++) {
    const step = k * window.dilation[axis];
    const position = window.transposed
      ? place * window.stride[axis] - window.padding[axis] + step
      : (place + window.padding[axis] - step) / window.stride[axis];
    if (Number.isInteger(position) && position >= 0 && position < size) found.push(position);
  }
  return found.sort((a, b) => a - b);
}

/** Every choice of one number from each list, the last list's varying fastest. */
function combinations(lists: readonly (readonly number[])[]): number[][] {
  return lists.reduce<number[][]>(
    (heads, list) => heads.flatMap((head) => list.map((last) => [...head, last])),
    [[]],
  );
}

function range(length: number, first = 0): number[] {
  return Array.from({ length }, (_, i) => first + i);
}

function readByWindow(form: WeightedSum | Maximum, index: readonly number[], shapes: Shapes): number[][] {
  const [item, channel, ...place] = index;
  const channels = { input: shapes.input[1], output: shapes.output[1] };
  const maps = range(channels.output).filter((output) => {
    const from = channelsRead(form, output, channels);
    return channel >= from.first && channel < from.first + from.count;
  });
  const positions = place.map((at, axis) => positionsOver(form, axis, at, shapes.output[axis + 2]));
  return combinations([[item], maps, ...positions]);
}

function readByBroadcast(form: Pointwise, key: string, index: readonly number[], shapes: Shapes): number[][] {
  const skipped = shapes.output.length - shapes.input.length;
  const axes = shapes.output.map((length, axis) => {
    const at = axis - skipped;
    return at < 0 || (shapes.input[at] === 1 && length > 1) ? range(length) : [index[at]];
  });
  return form.inputs.includes(key) ? combinations(axes) : [];
}

interface Shapes {
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly of: ShapeOf;
  readonly weights: Tensors;
}

function readByReduction(form: Reduction, index: readonly number[]): number[] {
  if (form.keep) return index.map((at, axis) => (form.axes.includes(axis) ? 0 : at));
  return index.filter((_, axis) => !form.axes.includes(axis));
}

function readByResampling(form: Resampling, index: readonly number[], weights: Tensors): number[][] {
  const [item, channel, ...place] = index;
  const over = place.map((at, axis) =>
    range(form.starts[axis].length).filter((position) => {
      const start = form.starts[axis][position];
      return at >= start && at < start + tapsOf(form, axis, position, weights).length;
    }),
  );
  return combinations([[item], [channel], ...over]);
}

/** Every index of a shape whose steps lead to `place`. */
function indicesAt(place: number, strides: readonly number[], shape: readonly number[]): number[][] {
  // What the dimensions from each one on can reach at most.
  const reach = [0];
  for (let d = strides.length - 1; d >= 0; d--) reach.unshift(reach[0] + strides[d] * (shape[d] - 1));
  const found: number[][] = [];
  const walk = (index: number[], left: number): void => {
    const d = index.length;
    if (left < 0 || left > reach[d]) return;
    if (d === strides.length) found.push(index);
    else for (let at = 0; at < shape[d]; at++) walk([...index, at], left - at * strides[d]);
  };
  walk([], place);
  return found;
}

function movedTo(form: Rearrangement, key: string, index: readonly number[], shapes: Shapes): number[][] {
  switch (form.how) {
    case "reshape":
      return [indexAt(placeOf(index, shapes.input), shapes.output)];
    case "stack": {
      const axis = form.axis ?? 0;
      const places = range(form.inputs.length).filter((i) => form.inputs[i] === key);
      return places.map((i) => index.toSpliced(axis, 0, i));
    }
    case "gather": {
      const own = new Set<number>();
      let first = 0;
      for (const input of form.inputs) {
        if (input === key) own.add(first + placeOf(index, shapes.input));
        first += count(shapes.of(input));
      }
      const { data } = shapes.weights.get(form.table ?? "") ?? { data: [] };
      const found: number[][] = [];
      for (let at = 0; at < data.length; at++) {
        if (own.has(Number(data[at]))) found.push(indexAt(at, shapes.output));
      }
      return found;
    }
    case "permute":
      return [(form.axes ?? []).map((source) => index[source])];
    case "slice": {
      const to = index.map((at, d) => (at - (form.starts?.[d] ?? 0)) / (form.steps?.[d] ?? 1));
      const taken = to.every((at, d) => Number.isInteger(at) && at >= 0 && at < shapes.output[d]);
      return taken ? [to] : [];
    }
    case "strided":
      return indicesAt(placeOf(index, shapes.input) - (form.start ?? 0), form.strides ?? [], shapes.output);
    case "pad": {
      const to = index.map((at, d) => at - (form.starts?.[d] ?? 0));
      return to.every((at, d) => at >= 0 && at < shapes.output[d]) ? [to] : [];
    }
    case "concatenate": {
      const axis = form.axis ?? 0;
      const found: number[][] = [];
      let start = 0;
      for (const input of form.inputs) {
        if (input === key) found.push(index.map((at, d) => (d === axis ? at + start : at)));
        start += shapes.of(input)[axis];
      }
      return found;
    }
  }
}

/** The units of a call that read one unit of the tensor `key`; whole indices, ascending. */
export function readBy(call: Call, unit: Place, of: ShapeOf, weights: Tensors): number[][] {
  const { form } = call;
  if (form === null) return [];
  const shapes = { input: of(unit.key), output: of(call.output), of, weights };
  switch (form.kind) {
    case "weighted_sum":
    case "maximum":
      return form.input === unit.key ? readByWindow(form, unit.index, shapes) : [];
    case "pointwise":
      return readByBroadcast(form, unit.key, unit.index, shapes);
    case "normalisation":
      if (form.input !== unit.key) return [];
      return range(shapes.input[form.axis]).map((at) => unit.index.map((i, d) => (d === form.axis ? at : i)));
    case "contraction": {
      const [row, column] = [shapes.output.length - 2, shapes.output.length - 1];
      const along = (axis: number) =>
        range(shapes.output[axis]).map((at) => unit.index.map((i, d) => (d === axis ? at : i)));
      return [
        ...(form.left === unit.key ? along(column) : []),
        ...(form.right === unit.key ? along(row) : []),
      ];
    }
    case "standardisation":
      return form.input === unit.key ? membersOf(form, unit.index, shapes.output) : [];
    case "reduction":
      return form.input === unit.key ? [readByReduction(form, unit.index)] : [];
    case "resampling":
      return form.input === unit.key ? readByResampling(form, unit.index, weights) : [];
    case "rearrangement":
      return form.inputs.includes(unit.key) ? movedTo(form, unit.key, unit.index, shapes) : [];
  }
}

/** What becomes of a unit in one call that reads it. */
export interface Step {
  readonly call: Call;
  /** The unit that reads it: the one of its own place, or the one to which it adds most. */
  readonly index: readonly number[];
  readonly value: number;
  /** How many units of the call read it. */
  readonly readers: number;
  /** In a maximum: whether it is the largest. */
  readonly wins: boolean | null;
  /** In a weighted sum: what it adds to that unit. */
  readonly adds: number | null;
}

/** How many readers are searched for the one to which a unit adds most: a hover or a walk must not wait. */
const MOST_SEARCHED = 4096;

function stepInto(call: Call, unit: Place, all: Numbers): Step | null {
  const found = readBy(call, unit, shapesIn(all), all.weights);
  if (found.length === 0) return null;
  const kind = call.form?.kind;
  const candidates = kind === "weighted_sum" ? strongest(call, unit, found, all) : found;
  const own = kind === "normalisation" || kind === "standardisation" ? unit.index : candidates[0];
  const winning = kind === "maximum" ? candidates.find((index) => winsIn(call, unit, index, all)) : undefined;
  const index = winning ?? own;
  return {
    call,
    index,
    value: numberAt(all, call.output, index),
    readers: found.length,
    wins: kind === "maximum" ? winning !== undefined : null,
    adds: kind === "weighted_sum" ? contribution(call, unit, index, all) : null,
  };
}

interface Place {
  readonly key: string;
  readonly index: readonly number[];
}

function termOf(explanation: Explanation | null, unit: Place): number {
  const same = unit.index.join();
  return explanation?.terms.findIndex((term) => term.key === unit.key && term.index.join() === same) ?? -1;
}

function winsIn(call: Call, unit: Place, index: readonly number[], all: Numbers): boolean {
  const explanation = explain(call, index, all);
  return explanation !== null && termOf(explanation, unit) === explanation.winner;
}

/** What a unit adds to one of its readers. */
function contribution(call: Call, unit: Place, index: readonly number[], all: Numbers): number {
  return weightBetween(call, unit, index, all) * numberAt(all, unit.key, unit.index);
}

/** The weight by which a reader multiplies a unit. */
function weightBetween(call: Call, unit: Place, index: readonly number[], all: Numbers): number {
  const form = call.form as WeightedSum;
  if (form.weight === null) {
    const explanation = explain(call, index, all);
    return explanation?.terms[termOf(explanation, unit)]?.weight ?? 0;
  }
  const shape = shapesIn(all)(form.weight);
  const shapes = shapesIn(all);
  const channels = { input: shapes(form.input)[1], output: shapes(call.output)[1] };
  const from = channelsRead(form, index[1], channels);
  const [slides, under] = form.transposed ? [unit.index, index] : [index, unit.index];
  const taps = form.kernel.map(
    (_, axis) =>
      (under[axis + 2] - slides[axis + 2] * form.stride[axis] + form.padding[axis]) / form.dilation[axis],
  );
  return numberAt(all, form.weight, [index[1], unit.index[1] - from.first, ...taps].slice(0, shape.length));
}

/** Readers of a unit, the one to which it adds most first. */
function strongest(call: Call, unit: Place, found: number[][], all: Numbers): number[][] {
  if (found.length === 1 || found.length > MOST_SEARCHED) return found;
  let best = 0;
  let most = -1;
  for (const [i, index] of found.entries()) {
    const size = Math.abs(weightBetween(call, unit, index, all));
    if (size > most) [best, most] = [i, size];
  }
  return [found[best]];
}

/** A way that a unit goes: its steps, and the ways into which it then divides. */
export interface Way {
  readonly steps: readonly Step[];
  readonly onward: readonly Way[];
}

/**
 * Follow a unit forwards, call by call, as long as it stays one number (a function of it, its window's maximum, its new
 * place), and to the first calls that mix it with others.
 *
 * @returns one way for each call that reads it; none where nothing does.
 */
export function follow(calls: readonly Call[], unit: Place, all: Numbers): Way[] {
  return calls.flatMap((call) => {
    const step = stepInto(call, unit, all);
    if (!step) return [];
    if (!staysOne(call) || step.wins === false) return [{ steps: [step], onward: [] }];
    const onward = follow(calls, { key: call.output, index: step.index }, all);
    if (onward.length !== 1) return [{ steps: [step], onward }];
    return [{ steps: [step, ...onward[0].steps], onward: onward[0].onward }];
  });
}

/** Whether each unit of a call comes from one unit alone, or is one of those in its window. */
function staysOne(call: Call): boolean {
  const { form } = call;
  if (form === null) return false;
  if (form.kind === "pointwise") return form.inputs.length === 1;
  if (form.kind === "weighted_sum") return form.shift !== null && count(form.kernel) === 1;
  return form.kind === "maximum" || form.kind === "rearrangement";
}
