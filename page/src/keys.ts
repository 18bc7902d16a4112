// The keys that the page listens to, in one table: what they do, and what `?` lists.

import type { Step } from "./walk.ts";

/** Keys in the picture of the network, and where they lead. */
export const STEPS: Readonly<Record<string, Step>> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
  PageUp: "map before",
  PageDown: "map after",
  "[": "layer before",
  "]": "layer after",
};

/** What `?` lists. */
export const KEY_HELP: readonly (readonly [keys: readonly string[], does: string])[] = [
  [["Tab"], "to the picture of the network, and on to the next control"],
  [["↑", "↓", "←", "→"], "walk from unit to unit"],
  [["Page ↑", "Page ↓"], "to the same place in the map before or after"],
  [["[", "]"], "to the layer before or after"],
  [["Enter"], "open the unit's arithmetic"],
  [["Space"], "in a unit's arithmetic: let its window slide over the map, or stop it"],
  [["Esc"], "go back, or let go of the unit"],
  [["N"], "next sample"],
  [["C"], "clear the drawing"],
  [["Ctrl", "Z"], "undo the last stroke"],
  [["?"], "this list"],
];

/** Whether a key is meant for a field that takes text or has keys of its own. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, select, textarea, dialog") !== null;
}
