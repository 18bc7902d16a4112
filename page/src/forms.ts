// Which input numbers an output number reads, and with which weights. ARCHITECTURE.md, "Forms", says what each form means;
// Python evaluates the same descriptions, and tests/golden holds the two together.

import { count, indexAt, placeOf } from "./indexing.ts";
import type {
  Call,
  Contraction,
  Maximum,
  Pointwise,
  Rearrangement,
  Reduction,
  Resampling,
  Standardisation,
  Tensors,
  WeightedSum,
} from "./types.ts";

/** One number that a unit reads: its tensor, its whole index (item of the batch first), and its weight where it has one. */
export interface Read {
  readonly key: string;
  readonly index: number[];
  readonly weight: number | null;
  /** Where the weight is read, if it is computed as well. */
  readonly factor?: { readonly key: string; readonly index: number[] };
}

export type ShapeOf = (key: string) => readonly number[];

/** The sliding window of a weighted sum or a maximum; one number an axis. */
export type Window = Pick<Maximum, "kernel" | "stride" | "padding" | "dilation"> & {
  readonly transposed?: boolean;
};

/** Visit the taps of the window at `position` that lie inside an input of `size`: number of the tap, place in its map. */
export function eachTap(
  window: Window,
  position: readonly number[],
  size: readonly number[],
  visit: (tap: number, place: number) => void,
): void {
  const { kernel, stride, padding, dilation } = window;
  const walk = (axis: number, tap: number, place: number): void => {
    if (axis === kernel.length) {
      visit(tap, place);
      return;
    }
    const start = window.transposed
      ? position[axis] + padding[axis]
      : position[axis] * stride[axis] - padding[axis];
    for (let k = 0; k < kernel[axis]; k++) {
      const step = k * dilation[axis];
      const at = window.transposed ? (start - step) / stride[axis] : start + step;
      if (Number.isInteger(at) && at >= 0 && at < size[axis])
        walk(axis + 1, tap * kernel[axis] + k, place * size[axis] + at);
    }
  };
  walk(0, 0, 0);
}

/** The input channels that output channel `channel` reads: the first, and how many. */
export function channelsRead(
  form: WeightedSum | Maximum,
  channel: number,
  channels: { readonly input: number; readonly output: number },
): { first: number; count: number } {
  if (form.kind === "maximum" || form.weight === null) return { first: channel, count: 1 };
  const perGroup = channels.input / form.groups;
  const group = Math.floor(channel / (channels.output / form.groups));
  return { first: group * perGroup, count: perGroup };
}

/** What each tap of an average counts for, where `inside` taps of the window lie inside the input. */
export function averageWeight(form: WeightedSum, inside: number): number {
  if (typeof form.divisor === "number") return 1 / form.divisor;
  return 1 / (form.divisor === "inside" ? inside : count(form.kernel));
}

/** The index into input number `input` of a pointwise form, broadcast as NumPy does. */
export function broadcastIndex(index: readonly number[], shape: readonly number[]): number[] {
  const skipped = index.length - shape.length;
  return shape.map((length, axis) => (length === 1 ? 0 : index[axis + skipped]));
}

/** The indices of the set that a number is standardised in, in row-major order. */
export function membersOf(
  form: Standardisation,
  index: readonly number[],
  shape: readonly number[],
): number[][] {
  const spans = shape.map((size, axis): readonly [first: number, count: number] => {
    if (!form.axes.includes(axis)) return [index[axis], 1];
    if (axis !== 1) return [0, size];
    const perGroup = size / form.groups;
    return [Math.floor(index[1] / perGroup) * perGroup, perGroup];
  });
  return indicesIn(spans);
}

/** A number of a tensor of any type. */
function entry(tensors: Tensors, key: string, place: number): number {
  const tensor = tensors.get(key);
  if (!tensor) throw new RangeError(`A form names a tensor that did not come. Received key=${key}.`);
  return Number(tensor.data[place]);
}

/** The indices that a reduction reads, in row-major order. */
function reducedFrom(form: Reduction, index: readonly number[], shape: readonly number[]): number[][] {
  const kept = [...index];
  const spans = shape.map((size, axis): readonly [first: number, count: number] => {
    if (form.axes.includes(axis)) {
      if (form.keep) kept.shift();
      return [0, size];
    }
    return [kept.shift() ?? 0, 1];
  });
  return indicesIn(spans);
}

function indicesIn(spans: readonly (readonly [first: number, count: number])[]): number[][] {
  const counts = spans.map(([, length]) => length);
  return Array.from({ length: count(counts) }, (_, place) =>
    indexAt(place, counts).map((at, axis) => spans[axis][0] + at),
  );
}

/** The weights that one place of a resampled axis has: those at the end that are 0 are no taps. */
export function tapsOf(form: Resampling, axis: number, place: number, weights: Tensors): number[] {
  const key = form.weights[axis];
  const width = weights.get(key)?.shape[1] ?? 0;
  const row = Array.from({ length: width }, (_, tap) => entry(weights, key, place * width + tap));
  while (row.at(-1) === 0) row.pop();
  return row;
}

function resampledFrom(form: Resampling, index: readonly number[], weights: Tensors): Read[] {
  const [item, channel, ...places] = index;
  const rows = places.map((place, axis) => tapsOf(form, axis, place, weights));
  const spans = rows.map((row, axis) => [form.starts[axis][places[axis]], row.length] as const);
  return indicesIn(spans).map((at) => ({
    key: form.input,
    index: [item, channel, ...at],
    weight: at.reduce((product, position, axis) => product * rows[axis][position - spans[axis][0]], 1),
  }));
}

/** What a number of a rearrangement is found with. */
export interface Moving {
  readonly output: readonly number[];
  readonly of: ShapeOf;
  /** Where the tables of places stand. */
  readonly weights: Tensors;
}

/** The one number that a unit of a rearrangement is; null where it stands where no number is read. */
export function movedFrom(
  form: Rearrangement,
  index: readonly number[],
  shapes: Moving,
): { key: string; index: number[] } | null {
  const key = form.inputs[0];
  const axis = form.axis ?? 0;
  switch (form.how) {
    case "reshape":
      return { key, index: indexAt(placeOf(index, shapes.output), shapes.of(key)) };
    case "stack":
      return { key: form.inputs[index[axis]], index: index.filter((_, d) => d !== axis) };
    case "gather": {
      let place = entry(shapes.weights, form.table ?? "", placeOf(index, shapes.output));
      if (place < 0) return null;
      for (const input of form.inputs) {
        const shape = shapes.of(input);
        if (place < count(shape)) return { key: input, index: indexAt(place, shape) };
        place -= count(shape);
      }
      throw new RangeError(`A table names a place that no input has. Received index=${index}.`);
    }
    case "permute": {
      const from = new Array<number>(index.length);
      form.axes?.forEach((source, target) => {
        from[source] = index[target];
      });
      return { key, index: from };
    }
    case "slice":
      return { key, index: index.map((at, d) => (form.starts?.[d] ?? 0) + at * (form.steps?.[d] ?? 1)) };
    case "strided": {
      const { start = 0, strides = [] } = form;
      const place = index.reduce((sum, at, d) => sum + at * strides[d], start);
      return { key, index: indexAt(place, shapes.of(key)) };
    }
    case "pad": {
      const from = index.map((at, d) => (form.starts?.[d] ?? 0) + at);
      const size = shapes.of(key);
      return from.every((at, d) => at >= 0 && at < size[d]) ? { key, index: from } : null;
    }
    case "concatenate": {
      let at = index[axis];
      for (const input of form.inputs) {
        const length = shapes.of(input)[axis];
        if (at < length) return { key: input, index: index.map((i, d) => (d === axis ? at : i)) };
        at -= length;
      }
      throw new RangeError(`The inputs end before the output does. Received index=${index}, axis=${axis}.`);
    }
  }
}

function readsOfWindow(
  form: WeightedSum | Maximum,
  index: readonly number[],
  shapes: { readonly output: readonly number[]; readonly of: ShapeOf },
  weights: Tensors,
): Read[] {
  const shape = shapes.of(form.input);
  const [item, channel, ...position] = index;
  const size = shape.slice(2);
  const taps: { tap: number; place: number }[] = [];
  eachTap(form, position, size, (tap, place) => taps.push({ tap, place }));
  const from = channelsRead(form, channel, { input: shape[1], output: shapes.output[1] });
  const weightOf = weigher(form, weights, { channel, channels: from.count, inside: taps.length });
  const found: Read[] = [];
  for (let c = 0; c < from.count; c++) {
    for (const { tap, place } of taps) {
      const at = [item, from.first + c, ...indexAt(place, size)];
      found.push({ key: form.input, index: at, weight: weightOf(c, tap) });
    }
  }
  return found;
}

/** The weight of tap `tap` of the kernel for the `c`-th channel read. */
function weigher(
  form: WeightedSum | Maximum,
  weights: Tensors,
  window: { readonly channel: number; readonly channels: number; readonly inside: number },
): (c: number, tap: number) => number | null {
  if (form.kind === "maximum") return () => null;
  if (form.weight === null) {
    const weight = averageWeight(form, window.inside);
    return () => weight;
  }
  const data = numbers(weights, form.weight);
  const taps = count(form.kernel);
  return (c, tap) => data[(window.channel * window.channels + c) * taps + tap];
}

/** The numbers of a tensor that a form names. */
export function numbers(tensors: Tensors, key: string): Float32Array | Uint8Array {
  const tensor = tensors.get(key);
  if (!tensor) throw new RangeError(`A form names a tensor that did not come. Received key=${key}.`);
  if (tensor.data instanceof BigInt64Array) {
    throw new TypeError(`A form reads float32 or uint8. Received key=${key}, dtype=${tensor.dtype}.`);
  }
  return tensor.data;
}

/**
 * The numbers that one unit of a call reads directly.
 *
 * @param index into the call's output: item of the batch, channel, position.
 * @param shapes the shape of every activation.
 * @returns in the order of the sum: channel by channel, row-major; empty where the call has no form, and beside a
 *   padded input.
 */
export function reads(call: Call, index: readonly number[], shapes: ShapeOf, weights: Tensors): Read[] {
  const { form } = call;
  if (form === null) return [];
  const both = { output: shapes(call.output), of: shapes, weights };
  switch (form.kind) {
    case "weighted_sum":
    case "maximum":
      return readsOfWindow(form, index, both, weights);
    case "pointwise":
      return form.inputs.map((key, i) => ({
        key,
        index: broadcastIndex(index, shapes(key)),
        weight: form.scales?.[i] ?? null,
      }));
    case "normalisation": {
      const length = shapes(form.input)[form.axis];
      const along = (at: number) => index.map((i, axis) => (axis === form.axis ? at : i));
      return Array.from({ length }, (_, at) => ({ key: form.input, index: along(at), weight: null }));
    }
    case "contraction": {
      const length = shapes(form.left)[index.length - 1];
      const put = (axis: number, at: number) => index.map((i, d) => (d === axis ? at : i));
      return Array.from({ length }, (_, at) => ({
        key: form.left,
        index: put(index.length - 1, at),
        weight: null,
        factor: { key: form.right, index: put(index.length - 2, at) },
      }));
    }
    case "standardisation":
      return membersOf(form, index, shapes(form.input)).map((at) => ({
        key: form.input,
        index: at,
        weight: null,
      }));
    case "reduction": {
      const read = reducedFrom(form, index, shapes(form.input));
      const weight = form.function === "sum" ? 1 : form.function === "mean" ? 1 / read.length : null;
      return read.map((at) => ({ key: form.input, index: at, weight }));
    }
    case "resampling":
      return resampledFrom(form, index, weights);
    case "rearrangement": {
      const from = movedFrom(form, index, both);
      return from === null ? [] : [{ ...from, weight: null }];
    }
  }
}

/** For each tensor, a 1 at every place that is read. */
type Marks = Map<string, Uint8Array>;

function marksOf(marks: Marks, key: string, shapes: ShapeOf): Uint8Array {
  let found = marks.get(key);
  if (!found) {
    found = new Uint8Array(count(shapes(key)));
    marks.set(key, found);
  }
  return found;
}

/**
 * Mark what a sliding window reads. All marked channels of a group read the same maps at the same places, so each
 * position of the window is walked once for the group, not once for each channel.
 */
function markWindow(
  form: WeightedSum | Maximum,
  output: Uint8Array,
  shapes: OutputShapes,
  marks: Marks,
): void {
  const shape = shapes.of(form.input);
  const input = marksOf(marks, form.input, shapes.of);
  const size = shape.slice(2);
  const area = count(size);
  const outputSize = shapes.output.slice(2);
  const outputArea = count(outputSize);
  const channels = { input: shape[1], output: shapes.output[1] };
  for (let item = 0; item < shapes.output[0]; item++) {
    const groups = new Map<number, { positions: Set<number>; count: number }>();
    for (let channel = 0; channel < channels.output; channel++) {
      const from = channelsRead(form, channel, channels);
      const group = groups.get(from.first) ?? { positions: new Set<number>(), count: from.count };
      const start = (item * channels.output + channel) * outputArea;
      for (let at = 0; at < outputArea; at++) if (output[start + at]) group.positions.add(at);
      if (group.positions.size) groups.set(from.first, group);
    }
    for (const [first, group] of groups) {
      const map = new Uint8Array(area); // apart from `input`, where another reader may have marked single units
      for (const at of group.positions) {
        eachTap(form, indexAt(at, outputSize), size, (_, place) => {
          map[place] = 1;
        });
      }
      for (let c = first; c < first + group.count; c++) {
        orInto(input, map, (item * channels.input + c) * area);
      }
    }
  }
}

function orInto(target: Uint8Array, source: Uint8Array, start: number): void {
  for (let at = 0; at < source.length; at++) if (source[at]) target[start + at] = 1;
}

type OutputShapes = Moving;

/** Mark what a call reads that takes few numbers for each unit. */
function markEach(call: Call, output: Uint8Array, shapes: OutputShapes, marks: Marks): void {
  const { output: shape, of, weights } = shapes;
  for (let place = 0; place < output.length; place++) {
    if (!output[place]) continue;
    for (const { key, index, factor } of reads(call, indexAt(place, shape), of, weights)) {
      marksOf(marks, key, of)[placeOf(index, of(key))] = 1;
      if (factor) marksOf(marks, factor.key, of)[placeOf(factor.index, of(factor.key))] = 1;
    }
  }
}

/** Mark all of each set of which a number is marked: once a set, however many of its numbers are. */
function markSets(
  form: Standardisation,
  output: Uint8Array,
  shape: readonly number[],
  input: Uint8Array,
): void {
  const done = new Uint8Array(output.length);
  for (let place = 0; place < output.length; place++) {
    if (!output[place] || done[place]) continue;
    for (const member of membersOf(form, indexAt(place, shape), shape)) {
      const at = placeOf(member, shape);
      input[at] = 1;
      done[at] = 1;
    }
  }
}

/** Mark the rows and the columns that marked numbers of a product read. */
function markFactors(form: Contraction, output: Uint8Array, shapes: OutputShapes, marks: Marks): void {
  const [left, right] = [form.left, form.right].map((key) => marksOf(marks, key, shapes.of));
  const [rows, columns] = shapes.output.slice(-2);
  const inner = shapes.of(form.left)[shapes.output.length - 1];
  for (let place = 0; place < output.length; place++) {
    if (!output[place]) continue;
    const column = place % columns;
    const row = Math.floor(place / columns); // counted on through the matrices before
    const matrix = Math.floor(row / rows);
    for (let k = 0; k < inner; k++) {
      left[row * inner + k] = 1;
      right[(matrix * inner + k) * columns + column] = 1;
    }
  }
}

function sameShape(form: Pointwise, output: readonly number[], shapes: ShapeOf): boolean {
  return form.inputs.every((key) => shapes(key).join() === output.join());
}

function markReads(call: Call, output: Uint8Array, shapes: OutputShapes, marks: Marks): void {
  const { form } = call;
  if (form === null) return;
  if (form.kind === "weighted_sum" || form.kind === "maximum") {
    markWindow(form, output, shapes, marks);
  } else if (form.kind === "standardisation") {
    markSets(form, output, shapes.output, marksOf(marks, form.input, shapes.of));
  } else if (form.kind === "contraction") {
    markFactors(form, output, shapes, marks);
  } else if (form.kind === "pointwise" && sameShape(form, shapes.output, shapes.of)) {
    for (const key of form.inputs) orInto(marksOf(marks, key, shapes.of), output, 0);
  } else {
    markEach(call, output, shapes, marks);
  }
}

/**
 * Everything that one unit reads, back through all layers to the input.
 *
 * @param calls the net's calls in the order in which they ran.
 * @param unit the unit's tensor and whole index (item of the batch first).
 * @returns for each tensor read, the places of its units that are read, ascending; the unit's own tensor holds the unit.
 *   A call without a form ends the way back there.
 */
export function readsBack(
  calls: readonly Call[],
  unit: { readonly key: string; readonly index: readonly number[] },
  shapes: ShapeOf,
  weights: Tensors,
): Map<string, Uint32Array> {
  const marks: Marks = new Map();
  marksOf(marks, unit.key, shapes)[placeOf(unit.index, shapes(unit.key))] = 1;
  for (let c = calls.length - 1; c >= 0; c--) {
    const output = marks.get(calls[c].output);
    if (output) markReads(calls[c], output, { output: shapes(calls[c].output), of: shapes, weights }, marks);
  }
  return new Map([...marks].map(([key, found]) => [key, placesMarked(found)]));
}

function placesMarked(marks: Uint8Array): Uint32Array {
  let size = 0;
  for (let place = 0; place < marks.length; place++) size += marks[place];
  const places = new Uint32Array(size);
  let next = 0;
  for (let place = 0; place < marks.length; place++) if (marks[place]) places[next++] = place;
  return places;
}

/** Rows and columns of an image: the first, and one past the last. */
export interface Rectangle {
  readonly rows: readonly [number, number];
  readonly columns: readonly [number, number];
}

/** The smallest rectangle that holds all `places` of a tensor (..., row, column); null where there is none. */
export function rectangle(places: Uint32Array, shape: readonly number[]): Rectangle | null {
  if (places.length === 0 || shape.length < 2) return null;
  const columns = shape[shape.length - 1];
  const rows = shape[shape.length - 2];
  let [top, bottom, left, right] = [rows, -1, columns, -1];
  for (const place of places) {
    const column = place % columns;
    const row = Math.floor(place / columns) % rows;
    top = Math.min(top, row);
    bottom = Math.max(bottom, row);
    left = Math.min(left, column);
    right = Math.max(right, column);
  }
  return { rows: [top, bottom + 1], columns: [left, right + 1] };
}

/** The pixels of the net's input that one unit reads, framed; null where it reads none or the way back is unknown. */
export function receptiveField(
  calls: readonly Call[],
  unit: { readonly key: string; readonly index: readonly number[] },
  shapes: ShapeOf,
  weights: Tensors,
): Rectangle | null {
  const places = readsBack(calls, unit, shapes, weights).get(INPUT);
  return places ? rectangle(places, shapes(INPUT)) : null;
}

/** The key of the net's input. */
export const INPUT = "activation/input";
