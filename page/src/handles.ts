// `window.convlens`: what a test or a curious reader can ask of the page from outside. Read-only.

import { lit } from "./derived.ts";
import { countLit, type Lit } from "./lit.ts";
import * as state from "./state.ts";
import type { Unit } from "./types.ts";
import { rectOf, shown } from "./views/network.tsx";

/** Coordinates are CSS pixels of the window, as pointer events have them. */
export interface Handles {
  /** The signals of state.ts: `convlens.state.trace.value`. */
  readonly state: typeof state;
  /** The unit drawn at a point, or null. */
  unitAt(x: number, y: number): Unit | null;
  /** Where a unit is drawn, or null while the network is not shown. */
  rectOf(unit: Unit): { left: number; top: number; width: number; height: number } | null;
  /** How many units of each layer are lit: { pool1: 150, ... }. */
  litUnits(): Record<string, number>;
}

declare global {
  interface Window {
    convlens?: Handles;
  }
}

export function offerHandles(): void {
  window.convlens = {
    state,
    unitAt: (x, y) => shown.stage?.unitAt(x, y) ?? null,
    rectOf: (unit) => {
      const { stage } = shown;
      const rect = stage && rectOf(stage, unit);
      return rect && stage ? stage.inWindow(rect) : null;
    },
    litUnits: () => Object.fromEntries(lit.peek() ? countLit(lit.peek() as Lit) : []),
  };
}
