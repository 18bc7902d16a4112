// From one unit to the next: along its map, to another map, to another layer. Pure arithmetic on indices.

import type { Unit } from "../types.ts";
import type { Step } from "../walk.ts";

/** Layers in the order in which they ran, the input first, with their shapes (item of the batch left out). */
export type LayerShapes = readonly { readonly name: string; readonly shape: readonly number[] }[];

/** Where a step leads; the same unit where there is nothing. */
export function stepFrom(unit: Unit, step: Step, layers: LayerShapes): Unit {
  const at = layers.findIndex(({ name }) => name === unit.layer);
  if (at < 0) return unit;
  switch (step) {
    case "layer before":
      return scaled(unit, layers[at], layers[at - 1]);
    case "layer after":
      return scaled(unit, layers[at], layers[at + 1]);
    case "map before":
    case "map after":
      return moved(unit, layers[at].shape, { axis: 0, by: step === "map after" ? 1 : -1 });
    default:
      return moved(unit, layers[at].shape, direction(step, unit.index.length));
  }
}

function direction(step: Step, axes: number): { axis: number; by: number } {
  const by = step === "down" || step === "right" ? 1 : -1;
  const isRow = step === "up" || step === "down";
  return { axis: Math.max(0, isRow ? axes - 2 : axes - 1), by };
}

/** One place along an axis, if there is one. */
export function moved(
  unit: Unit,
  shape: readonly number[],
  { axis, by }: { axis: number; by: number },
): Unit {
  const to = unit.index[axis] + by;
  if (to < 0 || to >= shape[axis]) return unit;
  return { layer: unit.layer, index: unit.index.map((i, a) => (a === axis ? to : i)) };
}

/** The unit of another layer that lies as far along each axis, counted from the last: row to row, column to column. */
function scaled(unit: Unit, from: LayerShapes[number], to: LayerShapes[number] | undefined): Unit {
  if (!to) return unit;
  const skipped = from.shape.length - to.shape.length;
  const index = to.shape.map((length, axis) => {
    const source = axis + skipped;
    if (source < 0) return 0;
    return Math.floor(((unit.index[source] + 0.5) / from.shape[source]) * length);
  });
  return { layer: to.name, index };
}

/** The next place of the window on its map, row by row, and from the end back to the beginning. */
export function slideOn(unit: Unit, shape: readonly number[]): Unit {
  const index = [...unit.index];
  const first = index.length > 1 ? 1 : 0; // a window slides over its own map alone
  for (let axis = index.length - 1; axis >= first; axis--) {
    index[axis] = (index[axis] + 1) % shape[axis];
    if (index[axis] !== 0) break;
  }
  return { layer: unit.layer, index };
}
