// The page's whole state. Views read these signals; connection.ts and address.ts write them.

import { signal } from "@preact/signals";
import type { Net, NetSummary, RunEvent, RunSummary, Trace, Unit } from "./types.ts";

/** Over what the colour scale's largest magnitude is taken. */
export type ColourScope = "unit" | "layer" | "net";

export type View = "network" | "unit" | "training";

export const nets = signal<readonly NetSummary[]>([]);
export const runs = signal<readonly RunSummary[]>([]);

/** Which view is open, of which net or run. */
export const view = signal<View>("network");
export const netId = signal<string>("");
export const runId = signal<string>("");

/** The unit that the unit view explains, and the one under the pointer or the keyboard's cursor. */
export const openUnit = signal<Unit | null>(null);
export const hoveredUnit = signal<Unit | null>(null);

export const colourScope = signal<ColourScope>("layer");

/** The last that came of the open net. A trace belongs to the net's weights if their versions agree. */
export const net = signal<Net | null>(null);
export const trace = signal<Trace | null>(null);

export const events = signal<readonly RunEvent[]>([]);

/** What the page waits for, or what went wrong; shown to the reader. */
export const waiting = signal<string | null>("Connecting to Convlens ...");
export const problem = signal<string | null>(null);
