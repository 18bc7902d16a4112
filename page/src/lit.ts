// What lights up when a unit is pointed at: the numbers that it reads, with their weights, and all that those read, back
// to the pixels.

import { INPUT, type Rectangle, reads, readsBack, rectangle, type ShapeOf } from "./forms.ts";
import { placeOf } from "./indexing.ts";
import type { Call, Tensors } from "./types.ts";

export interface Lit {
  /** The unit itself. */
  readonly key: string;
  readonly place: number;
  /** Of each tensor that it reads directly: the weight at each place, null where the form has none. */
  readonly direct: ReadonlyMap<string, ReadonlyMap<number, number | null>>;
  /** The largest magnitude among those weights; 0 where there are none. */
  readonly largestWeight: number;
  /** Of every tensor on the way back: the places read, ascending. */
  readonly back: ReadonlyMap<string, Uint32Array>;
  /** The pixels of the input that it reads, framed. */
  readonly receptiveField: Rectangle | null;
}

/** Light a unit, given by its tensor and whole index (item of the batch first). */
export function light(
  calls: readonly Call[],
  unit: { readonly key: string; readonly index: readonly number[] },
  shapes: ShapeOf,
  weights: Tensors,
): Lit {
  const call = calls.find(({ output }) => output === unit.key);
  const direct = new Map<string, Map<number, number | null>>();
  let largestWeight = 0;
  for (const { key, index, weight } of call ? reads(call, unit.index, shapes, weights) : []) {
    const places = direct.get(key) ?? new Map<number, number | null>();
    direct.set(key, places.set(placeOf(index, shapes(key)), weight));
    largestWeight = Math.max(largestWeight, Math.abs(weight ?? 0));
  }
  const back = readsBack(calls, unit, shapes, weights);
  const pixels = back.get(INPUT);
  return {
    key: unit.key,
    place: placeOf(unit.index, shapes(unit.key)),
    direct,
    largestWeight,
    back,
    receptiveField: pixels ? rectangle(pixels, shapes(INPUT)) : null,
  };
}

/** How many units of each layer are lit, the unit itself not counted. */
export function countLit(lit: Lit): Map<string, number> {
  const counts = new Map(
    [...lit.back].map(([key, places]) => [key.replace("activation/", ""), places.length]),
  );
  counts.delete(lit.key.replace("activation/", ""));
  return counts;
}
