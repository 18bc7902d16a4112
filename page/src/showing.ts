// What the reader shows the net: strokes of the pen, one sample after the other, photos.

import { signal } from "@preact/signals";
import { fetchPhoto, requestTrace } from "./connection.ts";
import { beginStroke, erase, extendStroke, type Ink, NO_INK } from "./ink.ts";
import { isDarkOnLight, type Picture } from "./picture.ts";
import * as state from "./state.ts";

export const isErasing = signal(false);

/** The drawings to which undo goes back, oldest first. */
export const past = signal<readonly Ink[]>([]);

const LEAST_ERASER = 2; // pixels of the pad

/** Keeps the pen's width and the centring while a sample or a photo is shown. */
let lastInk = NO_INK;
let lastSample = -1;

/**
 * Show the net a picture.
 *
 * @param moved when the pen moved, if that is why; milliseconds as performance.now() counts.
 */
export function show(picture: Picture, moved: number | null = null): void {
  state.picture.value = picture;
  requestTrace(moved);
}

/** The drawing as it stands; an empty one, with the same pen, where a sample or a photo is shown. */
export function currentInk(): Ink {
  const picture = state.picture.peek();
  return picture.kind === "ink" ? picture.ink : { ...lastInk, strokes: [] };
}

export function showInk(ink: Ink, moved: number | null = null): void {
  lastInk = ink;
  show({ kind: "ink", ink }, moved);
}

/** Put the pen, or the eraser, down at a point of the pad. */
export function putDown(row: number, column: number, moved: number): void {
  past.value = [...past.peek(), currentInk()];
  if (isErasing.peek()) wipe(row, column, moved);
  else showInk(beginStroke(currentInk(), row, column), moved);
}

/** Lead the pen, or the eraser, on to a point of the pad. */
export function leadOn(row: number, column: number, moved: number): void {
  if (isErasing.peek()) wipe(row, column, moved);
  else showInk(extendStroke(currentInk(), row, column), moved);
}

function wipe(row: number, column: number, moved: number): void {
  const ink = currentInk();
  showInk(erase(ink, row, column, Math.max(LEAST_ERASER, ink.width)), moved);
}

export function clear(): void {
  const ink = currentInk();
  if (ink.strokes.length) past.value = [...past.peek(), ink];
  showInk({ ...ink, strokes: [] });
}

/** Take back the last stroke, wipe or clearing; the pen stays as it is. */
export function undo(): void {
  const before = past.peek().at(-1);
  if (!before) return;
  past.value = past.peek().slice(0, -1);
  showInk({ ...currentInk(), strokes: before.strokes });
}

export function nextSample(): void {
  const count = state.summary.peek()?.samples ?? 0;
  if (!count) return;
  const picture = state.picture.peek();
  if (picture.kind === "sample") lastSample = picture.index;
  lastSample = (lastSample + 1) % count;
  show({ kind: "sample", index: lastSample });
}

/** Show the net an image file. Grey ones that are dark on light are inverted: digits are learnt light on dark. */
export async function showPhoto(file: Blob): Promise<void> {
  try {
    const pixels = await fetchPhoto(file);
    const isGrey = pixels.shape[0] === 1;
    show({ kind: "pixels", pixels, inverted: isGrey && isDarkOnLight(pixels) });
    state.problem.value = null;
  } catch (error) {
    state.problem.value = error instanceof Error ? error.message : String(error);
  }
}
