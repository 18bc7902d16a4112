// What the unit view looks at: a net and a trace that belong together, the open unit, and its explanation.

import { batch, computed, signal } from "@preact/signals";
import { largest } from "../colour.ts";
import { type Explanation, explain, type Numbers, numberAt, shapesIn } from "../explain.ts";
import { numbers, type ShapeOf } from "../forms.ts";
import { findLimits, type LimitOf } from "../limits.ts";
import * as state from "../state.ts";
import type { Call, Net, Trace, Unit } from "../types.ts";

/** A net and a trace made with the very weights that it has. */
export interface Sight {
  readonly net: Net;
  readonly trace: Trace;
  readonly numbers: Numbers;
  readonly shapes: ShapeOf;
}

let last: Sight | null = null;

/** While a net trains, its weights and the trace of them come one after the other: until both are there, the last pair. */
export const sight = computed<Sight | null>(() => {
  const net = state.net.value;
  const trace = state.trace.value;
  if (!net || !trace || net.id !== trace.net) {
    last = null;
  } else if (net.version === trace.version) {
    const numbers = { activations: trace.activations, weights: net.weights };
    last = { net, trace, numbers, shapes: shapesIn(numbers) };
  }
  return last;
});

/** Names of the classes, if the layer has one unit for each. */
export function classesOf(layer: string): readonly string[] {
  const classes = state.summary.value?.classes ?? [];
  const shape = sight.value?.trace.activations.get(`activation/${layer}`)?.shape;
  const calls = sight.value?.net.calls ?? [];
  const after = calls.slice(calls.findIndex((call) => call.name === layer) + 1);
  const isLast = after.every((call) => call.form?.kind === "normalisation");
  return isLast && shape?.length === 2 && shape[1] === classes.length ? classes : [];
}

/** The open unit, with all that explains it. */
export interface Opened {
  readonly sight: Sight;
  readonly unit: Unit;
  readonly key: string;
  /** Item of the batch first. */
  readonly index: readonly number[];
  readonly shape: readonly number[];
  readonly value: number;
  /** Null for a number of the input. */
  readonly call: Call | null;
  /** Null where the call has no form. */
  readonly explanation: Explanation | null;
}

/** Null where nothing has come yet; a sentence where the address names a unit that is not there. */
export const opened = computed<Opened | string | null>(() => {
  const here = sight.value;
  const unit = state.openUnit.value;
  if (!here || !unit) return null;
  const { key, index } = state.wholeIndex(unit);
  const shape = here.trace.activations.get(key)?.shape;
  if (!shape) return `This network has no layer "${unit.layer}".`;
  if (index.length !== shape.length || index.some((at, axis) => at >= shape[axis])) {
    return `${unit.layer} has units up to ${shape.slice(1).map((size) => size - 1)}. There is none at ${unit.index}.`;
  }
  const call = here.net.calls.find(({ output }) => output === key) ?? null;
  const explanation = call && explain(call, index, here.numbers);
  const value = numberAt(here.numbers, key, index);
  return { sight: here, unit, key, index, shape, value, call, explanation };
});

/** The number of the term under the pointer or the keyboard's cursor. */
export const litTerm = signal<number | null>(null);

/** Go to a unit: a step that one can go back from. */
export function jumpTo(unit: Unit): void {
  if (unit.layer !== state.openUnit.peek()?.layer) window.scrollTo({ top: 0 });
  document.querySelector<HTMLElement>(".unit-view")?.focus({ preventScroll: true }); // so that the arrows walk units
  batch(() => {
    litTerm.value = null;
    state.slid.value = false;
    state.openUnit.value = unit;
    state.view.value = "unit";
  });
}

/** Move to a unit beside the open one. */
export function slideTo(unit: Unit): void {
  batch(() => {
    state.slid.value = true;
    state.openUnit.value = unit;
  });
}

/** The magnitude that has the strongest colour in a map of an activation, as the reader chose the scope. */
export const limitOf = computed<LimitOf>(() => {
  const here = sight.value;
  return here ? findLimits(here.trace.activations, here.net.calls, state.colourScope.value) : () => 0;
});

/** The magnitude that has the strongest colour among a layer's weights; an average's are all one colour. */
export function limitOfWeights(here: Sight, key: string | null): number {
  return key === null ? 1 : largest(numbers(here.net.weights, key));
}
