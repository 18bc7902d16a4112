// The first filters of a net as they were at some of its versions: what a training made of them, side by side.

import { effect, signal } from "@preact/signals";
import * as state from "../state.ts";
import type { Net, Tensor, WeightedSum } from "../types.ts";

/** A net's first filters at one of its versions. */
export interface Snapshot {
  readonly version: number;
  /** The newest step that was known when they came. */
  readonly step: number;
  readonly filters: Tensor;
}

/** More than this are thinned out. */
const MOST_SNAPSHOTS = 12;

/** The snapshots of the open net, oldest first. */
export const snapshots = signal<readonly Snapshot[]>([]);
let netOfSnapshots = "";

/** The first call with filters: a weighted sum with weights over a window of more than one tap. */
export function firstFilters(
  net: Net,
): { name: string; output: string; form: WeightedSum; filters: Tensor } | null {
  for (const { name, output, form } of net.calls) {
    if (form?.kind !== "weighted_sum" || form.weight === null) continue;
    const filters = net.weights.get(form.weight);
    if (filters && filters.shape.length === 4 && form.kernel.some((length) => length > 1)) {
      return { name, output, form, filters };
    }
  }
  return null;
}

/** Drop those that leave the others most evenly spread over the steps; never the first or the last. */
export function thinned<T extends { readonly step: number }>(all: readonly T[], most: number): readonly T[] {
  const kept = [...all];
  while (kept.length > Math.max(2, most)) {
    let least = 1;
    const gap = (i: number) => kept[i + 1].step - kept[i - 1].step;
    for (let i = 2; i < kept.length - 1; i++) if (gap(i) < gap(least)) least = i;
    kept.splice(least, 1);
  }
  return kept;
}

/** Keep snapshots from now on, whichever view is open: the reader may look at the net while it trains. */
export function keepSnapshots(): void {
  effect(() => {
    const net = state.net.value;
    if (!net) return;
    if (net.id !== netOfSnapshots) {
      netOfSnapshots = net.id;
      snapshots.value = [];
    }
    const found = firstFilters(net);
    const before = snapshots.peek();
    if (!found || before.some(({ version }) => version === net.version)) return;
    const snapshot = { version: net.version, step: newestStep(), filters: found.filters };
    snapshots.value = thinned([...before, snapshot], MOST_SNAPSHOTS);
  });
}

function newestStep(): number {
  const events = state.events.peek();
  for (let i = events.length - 1; i >= 0; i--) {
    const { step } = events[i];
    if (step !== undefined) return step;
  }
  return 0;
}
