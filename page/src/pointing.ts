// Pointing at units and opening them.

import { layers } from "./derived.ts";
import * as state from "./state.ts";
import type { Unit } from "./types.ts";

export function isSame(a: Unit, b: Unit | null): boolean {
  return b !== null && a.layer === b.layer && a.index.join() === b.index.join();
}

/** Light a unit, or none. */
export function pointAt(unit: Unit | null): void {
  const before = state.hoveredUnit.peek();
  if (unit ? !isSame(unit, before) : before !== null) state.hoveredUnit.value = unit;
}

/** Open a unit's arithmetic. The input has none: it is where all arithmetic begins. */
export function openUnit(unit: Unit): void {
  if (!layers.peek().find(({ name }) => name === unit.layer)?.call) return;
  state.openUnit.value = unit;
  state.view.value = "unit";
}

/** The unit that the unit view opens on when none was chosen: the score or probability that wins. */
export function openWinner(): void {
  const last = layers.peek().at(-1);
  if (last)
    openUnit({
      layer: last.name,
      index: last.shape.map((_, axis) => (axis ? 0 : (state.answer.peek()?.index ?? 0))),
    });
}

/** From a unit's arithmetic back to the picture, where the unit stays lit. */
export function closeUnit(): void {
  state.hoveredUnit.value = state.openUnit.peek();
  state.view.value = "network";
}
