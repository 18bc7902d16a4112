// The page's whole state. Views read these signals; connection.ts and navigation.ts write them.

import { computed, signal } from "@preact/signals";
import type { ColourScope, View } from "./address.ts";
import { RAMPS, type Theme } from "./colour.ts";
import { indexAt } from "./indexing.ts";
import { NO_INK } from "./ink.ts";
import type { Picture } from "./picture.ts";
import type { Net, NetSummary, RunEvent, RunSummary, Trace, Unit } from "./types.ts";

export type { ColourScope, View };

export const nets = signal<readonly NetSummary[]>([]);
export const runs = signal<readonly RunSummary[]>([]);

/** Which view is open, of which net or run. */
export const view = signal<View>("network");
export const netId = signal<string>("");
export const runId = signal<string>("");

/** The unit that the unit view explains, and the one under the pointer or the keyboard's cursor. */
export const openUnit = signal<Unit | null>(null);
export const hoveredUnit = signal<Unit | null>(null);

/**
 * Whether the reader came to the open unit by walking or sliding, step by step: such a step changes the address but is
 * none to go back from. Set it in the same batch as `openUnit`.
 */
export const slid = signal(false);

export const colourScope = signal<ColourScope>("layer");

/** What the net is shown. */
export const picture = signal<Picture>({ kind: "ink", ink: NO_INK });

/** The last that came of the open net. A trace belongs to the net's weights if their versions agree. */
export const net = signal<Net | null>(null);
export const trace = signal<Trace | null>(null);

export const events = signal<readonly RunEvent[]>([]);

/** What the page waits for, or what went wrong; shown to the reader. */
export const waiting = signal<string | null>("Connecting to Convlens ...");
export const problem = signal<string | null>(null);

/** What the reader chose; `systemTheme` is what the system asks for. */
export const chosenTheme = signal<Theme | null>(null);
export const systemTheme = signal<Theme>("light");
export const theme = computed<Theme>(() => chosenTheme.value ?? systemTheme.value);
export const ramp = computed(() => RAMPS[theme.value]);

/** What the server says of the open net. */
export const summary = computed<NetSummary | null>(
  () => nets.value.find(({ id }) => id === netId.value) ?? null,
);

/** The class that the net gives the highest probability, where its last call has one number a class. */
export const answer = computed<{ name: string; index: number; probability: number | null } | null>(() => {
  const last = net.value?.calls[net.value.calls.length - 1];
  const values = last && trace.value?.activations.get(last.output);
  const classes = summary.value?.classes ?? [];
  if (!last || !values || values.data.length !== classes.length) return null;
  const data = values.data as Float32Array;
  const index = data.indexOf(Math.max(...data));
  const isProbability = last.form?.kind === "normalisation" && last.form.function === "softmax";
  return { name: classes[index], index, probability: isProbability ? data[index] : null };
});

/** The unit's tensor and whole index, item of the batch first. */
export function wholeIndex(unit: Unit): { key: string; index: number[] } {
  return { key: `activation/${unit.layer}`, index: [0, ...unit.index] };
}

/** The unit at a place of a layer's activation. */
export function unitAtPlace(layer: string, place: number, shape: readonly number[]): Unit {
  return { layer, index: indexAt(place, shape).slice(1) };
}
