// Draws the pad: the strokes where the pen made them, or the pixels of a sample or photo.

import { effect } from "@preact/signals";
import { contextOf } from "./draw.ts";
import { type Ink, PAD } from "./ink.ts";
import * as state from "./state.ts";
import type { Preprocessing, Tensor } from "./types.ts";

const BLACK = "#0b0d10"; // the pad is dark in both themes: the net reads light ink on dark
const WHITE = "#fff";
const EIGHTH = 1 / 8; // pixels of the pad: the grid of a stroke's points

/** Keep a pad drawn; returns what ends it. */
export function drawPad(canvas: HTMLCanvasElement): () => void {
  const context = contextOf(canvas, { alpha: false });
  const draw = () => {
    const size = Math.round(canvas.clientWidth * devicePixelRatio);
    if (canvas.width !== size || canvas.height !== size) {
      canvas.width = size;
      canvas.height = size;
    }
    context.resetTransform();
    context.fillStyle = BLACK;
    context.fillRect(0, 0, size, size);
    const { value: picture } = state.picture;
    const { value: trace } = state.trace;
    const { value: summary } = state.summary;
    if (picture.kind === "ink") drawStrokes(context, picture.ink, size / PAD);
    else if (trace && summary) drawPixels(context, trace.image, summary.preprocessing, size);
  };
  const observer = new ResizeObserver(draw);
  observer.observe(canvas);
  const end = effect(draw);
  return () => {
    observer.disconnect();
    end();
  };
}

function drawStrokes(context: CanvasRenderingContext2D, ink: Ink, zoom: number): void {
  context.scale(zoom, zoom);
  context.strokeStyle = WHITE;
  context.lineWidth = ink.width;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.beginPath();
  for (const stroke of ink.strokes) {
    context.moveTo(stroke[1] * EIGHTH, stroke[0] * EIGHTH);
    for (let at = 0; at < stroke.length; at += 2)
      context.lineTo(stroke[at + 1] * EIGHTH, stroke[at] * EIGHTH);
  }
  context.stroke();
}

/** The image that the net read, without the border that preprocessing added. */
function drawPixels(
  context: CanvasRenderingContext2D,
  image: Tensor,
  { padding }: Preprocessing,
  size: number,
): void {
  const [channels, rows, columns] = image.shape;
  const pixels = new ImageData(columns, rows);
  const area = rows * columns;
  for (let at = 0; at < area; at++) {
    for (let part = 0; part < 3; part++) {
      pixels.data[4 * at + part] = Number(image.data[(channels === 3 ? part * area : 0) + at]);
    }
    pixels.data[4 * at + 3] = 255;
  }
  const sheet = document.createElement("canvas");
  sheet.width = columns;
  sheet.height = rows;
  contextOf(sheet).putImageData(pixels, 0, 0);
  const [height, width] = [rows - 2 * padding, columns - 2 * padding];
  context.imageSmoothingEnabled = width > size;
  context.drawImage(sheet, padding, padding, width, height, 0, 0, size, size);
}
