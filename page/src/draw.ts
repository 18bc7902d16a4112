// Draws a network's maps, numbers and bars from a trace. backdrop.ts draws what stays; highlight.ts what lights up.

import { pack, type Ramp, step } from "./colour.ts";
import { type Block, mapRect, placeOfCell, type Scene } from "./geometry.ts";
import type { LimitOf } from "./limits.ts";
import type { Palette } from "./palette.ts";
import type { Tensor, Trace } from "./types.ts";
import { percent, twoDecimals } from "./words.ts";

/** One pixel a number: the maps of a layer, one beneath the other, to be drawn enlarged. */
export interface Sheet {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  readonly image: ImageData;
  /** The image's pixels, each packed into one number. */
  readonly pixels: Uint32Array;
}

export function makeSheet(block: Block): Sheet {
  const canvas = document.createElement("canvas");
  canvas.width = block.columns;
  canvas.height = block.rows * block.maps;
  const context = contextOf(canvas);
  const image = context.createImageData(canvas.width, canvas.height);
  return { canvas, context, image, pixels: new Uint32Array(image.data.buffer) };
}

export function contextOf(
  canvas: HTMLCanvasElement,
  settings?: CanvasRenderingContext2DSettings,
): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("This browser does not draw on canvases. Any current one does.");
  return context;
}

/** The pixel of a sheet that shows the number at a place: the same, but for a vector folded into columns. */
export function pixelOfPlace(block: Block, place: number): number {
  if (!block.isFolded) return place;
  return (place % block.rows) * block.columns + Math.floor(place / block.rows);
}

/** Draw one map of a sheet into its frame. */
export function drawMap(context: CanvasRenderingContext2D, sheet: Sheet, block: Block, map: number): void {
  const { left, top, width, height } = mapRect(block, map);
  const { rows, columns } = block;
  context.drawImage(sheet.canvas, 0, map * rows, columns, rows, left, top, width, height);
}

export interface Look {
  readonly palette: Palette;
  readonly ramp: Ramp;
  readonly limitOf: LimitOf;
}

/** Draws the numbers of traces into a scene; keeps a sheet a layer from one trace to the next. */
export class MapPainter {
  private readonly sheets = new Map<Block, Sheet>();
  private readonly scene: Scene;

  constructor(scene: Scene) {
    this.scene = scene;
  }

  /** Draw every block that lies between `left` and `right`, in the scene's coordinates. */
  paint(
    context: CanvasRenderingContext2D,
    trace: Trace,
    look: Look,
    [left, right]: readonly [number, number],
  ): void {
    context.imageSmoothingEnabled = false;
    for (const block of this.scene.blocks) {
      if (block.left + block.width + block.behind < left || block.left - block.before > right) continue;
      const tensor = trace.activations.get(block.layer.key);
      if (!tensor || tensor.data instanceof BigInt64Array) continue;
      if (block.style === "bars") paintBars(context, block, tensor.data, look);
      else this.paintMaps(context, block, trace, look);
      if (block.style === "list") paintDigits(context, block, tensor.data, look);
    }
  }

  private paintMaps(context: CanvasRenderingContext2D, block: Block, trace: Trace, look: Look): void {
    const sheet = this.sheetOf(block);
    const tensor = trace.activations.get(block.layer.key);
    if (block.layer.call === null && fitsPixels(trace.image, block)) colourPixels(sheet, trace.image);
    else if (tensor) colourNumbers(sheet, block, tensor.data as Float32Array, look);
    sheet.context.putImageData(sheet.image, 0, 0);
    for (let map = 0; map < block.maps; map++) drawMap(context, sheet, block, map);
  }

  private sheetOf(block: Block): Sheet {
    const sheet = this.sheets.get(block) ?? makeSheet(block);
    this.sheets.set(block, sheet);
    return sheet;
  }
}

const fitsPixels = (image: Tensor, block: Block): boolean =>
  image.data.length === block.maps * block.rows * block.columns;

/** The input is shown as the image that it is: each channel in grey. */
function colourPixels(sheet: Sheet, image: Tensor): void {
  const { pixels } = sheet;
  const data = image.data as Uint8Array;
  for (let at = 0; at < pixels.length; at++) pixels[at] = pack(data[at], data[at], data[at]);
}

function colourNumbers(sheet: Sheet, block: Block, data: Float32Array, { ramp, limitOf }: Look): void {
  const { pixels } = sheet;
  const { packed } = ramp;
  if (block.isFolded) {
    const limit = limitOf(block.layer.key, 0);
    for (let at = 0; at < data.length; at++) pixels[pixelOfPlace(block, at)] = packed[step(data[at], limit)];
    return;
  }
  const area = block.rows * block.columns;
  for (let map = 0; map < block.maps; map++) {
    const limit = limitOf(block.layer.key, map);
    for (let at = map * area; at < (map + 1) * area; at++) pixels[at] = packed[step(data[at], limit)];
  }
}

const GAP = 8; // pixels between a cell and its digits

function paintDigits(
  context: CanvasRenderingContext2D,
  block: Block,
  data: ArrayLike<number>,
  look: Look,
): void {
  paintTexts(context, block, look.palette, (map) => twoDecimals(data[map]));
}

function paintBars(
  context: CanvasRenderingContext2D,
  block: Block,
  data: ArrayLike<number>,
  look: Look,
): void {
  const { palette } = look;
  let best = 0;
  for (let at = 1; at < data.length; at++) if (data[at] > data[best]) best = at;
  for (let map = 0; map < block.maps; map++) {
    const { left, top, width, height } = mapRect(block, map);
    const place = placeOfCell(block, { map, row: 0, column: 0 }) ?? 0;
    context.fillStyle = palette.track;
    context.fillRect(left, top, width, height);
    context.fillStyle = place === best ? palette.bar : palette.muted;
    context.fillRect(left, top, width * data[place], height);
  }
  paintTexts(context, block, palette, (map) => percent(data[map]), best);
}

function paintTexts(
  context: CanvasRenderingContext2D,
  block: Block,
  palette: Palette,
  text: (map: number) => string,
  strong = -1,
): void {
  context.fillStyle = palette.paper;
  context.fillRect(block.left + block.width + 1, block.top, block.behind, block.height);
  context.fillStyle = palette.ink;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (let map = 0; map < block.maps; map++) {
    const { left, top, width, height } = mapRect(block, map);
    context.font = `${map === strong ? 600 : 400} 12px ${palette.font}`;
    context.fillText(text(map), left + width + GAP, top + height / 2 + 0.5, block.behind - GAP);
  }
}
