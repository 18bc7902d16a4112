// How what a form reads is called, and which units its readers can go to.

import { movedFrom, type Read, type ShapeOf } from "../forms.ts";
import type { Call, Tensors, Unit } from "../types.ts";
import { nameUnit } from "../words.ts";

const ACTIVATION = "activation/";

/** What the axes of a unit's index are called. */
export function axisNames(axes: number): readonly string[] {
  const known: Readonly<Record<number, readonly string[]>> = {
    1: ["unit"],
    2: ["row", "column"],
    3: ["channel", "row", "column"],
  };
  return known[axes] ?? Array.from({ length: axes }, (_, axis) => `axis ${axis}`);
}

/** The unit that a form reads; null where it reads a weight. */
export function unitOf({ key, index }: Pick<Read, "key" | "index">): Unit | null {
  return key.startsWith(ACTIVATION) ? { layer: key.slice(ACTIVATION.length), index: index.slice(1) } : null;
}

/** What a form reads, in words. */
export function readName(read: Pick<Read, "key" | "index">): string {
  const unit = unitOf(read);
  return unit ? nameUnit(unit) : `${layerOf(read.key)}[${read.index.join(", ")}]`;
}

/** The name of the layer or parameter behind a key. */
export function layerOf(key: string): string {
  return key.slice(key.indexOf("/") + 1);
}

/** Where a number that was only moved came from: through reshapes and the like to the layer that made it; null if it was not. */
export function originOf(
  read: Pick<Read, "key" | "index">,
  calls: readonly Call[],
  shapes: ShapeOf,
  weights: Tensors,
): Unit | null {
  let at: Pick<Read, "key" | "index"> = read;
  for (;;) {
    const call = calls.find(({ output }) => output === at.key);
    if (call?.form?.kind !== "rearrangement") return at === read ? null : unitOf(at);
    const from = movedFrom(call.form, at.index, { output: shapes(call.output), of: shapes, weights });
    if (from === null) return unitOf(at);
    at = from;
  }
}
