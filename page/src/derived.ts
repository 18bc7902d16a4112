// What follows from the state: the layers, what is lit. Computed when first read, and kept until what it depends on changes.

import { computed } from "@preact/signals";
import { type Layer, layersOf } from "./layers.ts";
import { type Lit, light } from "./lit.ts";
import * as state from "./state.ts";
import type { Call } from "./types.ts";

/** The calls and the shapes of all activations. The same object while only numbers change. */
const structure = computed<{
  calls: readonly Call[];
  shapes: Readonly<Record<string, readonly number[]>>;
} | null>(() => {
  const { value: net } = state.net;
  const { value: trace } = state.trace;
  if (!net || !trace || trace.net !== net.id) return null;
  const shapes: Record<string, readonly number[]> = {};
  for (const [key, tensor] of trace.activations) shapes[key] = tensor.shape;
  const text = JSON.stringify([net.calls, shapes]);
  if (text !== lastText) {
    lastText = text;
    lastStructure = { calls: net.calls, shapes };
  }
  return lastStructure;
});
let lastText = "";
let lastStructure: { calls: readonly Call[]; shapes: Record<string, readonly number[]> } | null = null;

/** The shape of an activation, item of the batch first; empty for one that did not come. */
export function shapeOf(key: string): readonly number[] {
  return structure.value?.shapes[key] ?? [];
}

export const layers = computed<readonly Layer[]>(() => {
  const found = structure.value;
  return found ? layersOf(found.calls, (key) => found.shapes[key] ?? []) : [];
});

/** What lights up for the unit under the pointer or cursor; null where there is none, or none of this net. */
export const lit = computed<Lit | null>(() => {
  const found = structure.value;
  const unit = state.hoveredUnit.value;
  if (!found || !unit || !state.net.value) return null;
  const { key, index } = state.wholeIndex(unit);
  const shape = found.shapes[key];
  if (!shape || shape.length !== index.length || index.some((at, axis) => at >= shape[axis])) return null;
  return light(found.calls, { key, index }, (of) => found.shapes[of] ?? [], state.net.value.weights);
});
