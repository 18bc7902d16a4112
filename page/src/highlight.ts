// Draws what lights up: a veil over all units but those that are read, the weights where they are read directly, frames
// around what is read in each map, and lines to the unit.

import { traceCurve } from "./backdrop.ts";
import { cssColour, pack, type Ramp, step } from "./colour.ts";
import { drawMap, makeSheet, pixelOfPlace, type Sheet } from "./draw.ts";
import { type Block, cellOfPlace, cellRect, cellsRect, mapRect, type Rect, type Scene } from "./geometry.ts";
import type { Lit } from "./lit.ts";
import type { Palette } from "./palette.ts";

const VEIL = 0.55; // opacity
const BLACK = [0, 0, 0] as const;
const MOST_LINES = 600; // of the strongest weights

export interface Light {
  readonly lit: Lit;
  readonly ramp: Ramp;
  readonly palette: Palette;
}

/** Draws highlights into a scene; keeps a sheet a layer. */
export class Highlighter {
  private readonly sheets = new Map<Block, Sheet>();
  private readonly scene: Scene;

  constructor(scene: Scene) {
    this.scene = scene;
  }

  draw(context: CanvasRenderingContext2D, light: Light): void {
    context.imageSmoothingEnabled = false;
    for (const block of this.scene.blocks) this.drawVeil(context, block, light);
    this.drawLines(context, light);
    for (const block of this.scene.blocks) drawFrames(context, block, light);
    const own = this.scene.blocks.find(({ layer }) => layer.key === light.lit.key);
    if (own) drawUnit(context, cellRect(own, cellOfPlace(own, light.lit.place)), light.palette);
  }

  private drawVeil(context: CanvasRenderingContext2D, block: Block, { lit, ramp, palette }: Light): void {
    const places = lit.back.get(block.layer.key);
    const shade = block.layer.call === null ? BLACK : palette.veil; // pixels darken; all else fades into the paper
    const veil = pack(...shade, Math.round(255 * VEIL));
    if (!places) {
      context.fillStyle = `rgb(${shade.join(" ")} / ${VEIL})`;
      for (let map = 0; map < block.maps; map++) {
        const { left, top, width, height } = mapRect(block, map);
        context.fillRect(left, top, width, height);
      }
      return;
    }
    const sheet = this.sheets.get(block) ?? makeSheet(block);
    this.sheets.set(block, sheet);
    sheet.pixels.fill(veil);
    for (const place of places) sheet.pixels[pixelOfPlace(block, place)] = 0;
    for (const [place, weight] of lit.direct.get(block.layer.key) ?? []) {
      if (weight === null || block.style === "bars") continue;
      sheet.pixels[pixelOfPlace(block, place)] = ramp.packed[step(weight, lit.largestWeight)];
    }
    sheet.context.putImageData(sheet.image, 0, 0);
    for (let map = 0; map < block.maps; map++) drawMap(context, sheet, block, map);
  }

  private drawLines(context: CanvasRenderingContext2D, { lit, ramp, palette }: Light): void {
    const own = this.scene.blocks.find(({ layer }) => layer.key === lit.key);
    if (!own) return;
    const unit = cellRect(own, cellOfPlace(own, lit.place));
    const end = [unit.left - (own.style === "bars" ? own.before : 1), unit.top + unit.height / 2] as const;
    for (const block of this.scene.blocks) {
      const direct = lit.direct.get(block.layer.key);
      if (!direct) continue;
      for (const { rect, weight } of linesFrom(block, direct)) {
        context.strokeStyle = weight === null ? palette.frame : cssColour(weight, lit.largestWeight, ramp);
        context.globalAlpha =
          weight === null ? 0.6 : 0.25 + 0.75 * Math.min(1, Math.abs(weight) / lit.largestWeight);
        context.lineWidth = 1.25;
        context.beginPath();
        traceCurve(context, [rect.left + rect.width + 1, rect.top + rect.height / 2], end);
        context.stroke();
      }
    }
    context.globalAlpha = 1;
  }
}

/** Where lines begin: at each map's window as a whole, or in a vector at each number, the strongest weights last. */
function linesFrom(
  block: Block,
  direct: ReadonlyMap<number, number | null>,
): { rect: Rect; weight: number | null }[] {
  const isVector = block.isFolded || block.style !== "maps";
  if (!isVector) {
    return [...placesByMap(block, direct.keys())].map(([, places]) => ({
      rect: boundsOf(block, places),
      weight: places.length === 1 ? (direct.get(places[0]) ?? null) : null,
    }));
  }
  return [...direct]
    .sort(([, a], [, b]) => Math.abs(a ?? 0) - Math.abs(b ?? 0))
    .slice(-MOST_LINES)
    .map(([place, weight]) => ({ rect: cellRect(block, cellOfPlace(block, place)), weight }));
}

function placesByMap(block: Block, places: Iterable<number>): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (const place of places) {
    const { map } = cellOfPlace(block, place);
    const list = found.get(map);
    if (list) list.push(place);
    else found.set(map, [place]);
  }
  return found;
}

/** The frame around some places of one map. */
function boundsOf(block: Block, places: readonly number[]): Rect {
  const cells = places.map((place) => cellOfPlace(block, place));
  const rows = cells.map(({ row }) => row);
  const columns = cells.map(({ column }) => column);
  const { map } = cells[0];
  return cellsRect(
    block,
    { map, row: Math.min(...rows), column: Math.min(...columns) },
    { map, row: Math.max(...rows), column: Math.max(...columns) },
  );
}

/** Frames around what is read in each map: strong where it is read directly, and in the input. */
function drawFrames(context: CanvasRenderingContext2D, block: Block, { lit, palette }: Light): void {
  const places = lit.back.get(block.layer.key);
  if (!places || block.layer.key === lit.key || block.isFolded || block.style !== "maps") return;
  const isStrong = lit.direct.has(block.layer.key) || block.layer.call === null;
  context.strokeStyle = palette.frame;
  context.lineWidth = isStrong ? 1.75 : 1;
  context.globalAlpha = isStrong ? 1 : 0.55;
  for (const [, inMap] of placesByMap(block, places)) {
    if (!isStrong && inMap.length === block.rows * block.columns) continue; // a whole map needs no second frame
    const { left, top, width, height } = boundsOf(block, inMap);
    context.strokeRect(left - 1, top - 1, width + 2, height + 2);
  }
  context.globalAlpha = 1;
}

/** The unit itself: its cell in two rings, one of which stands out from any colour beneath. */
function drawUnit(context: CanvasRenderingContext2D, rect: Rect, palette: Palette): void {
  const ring = (width: number, colour: string, away: number) => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(rect.left - away, rect.top - away, rect.width + 2 * away, rect.height + 2 * away);
  };
  ring(2, palette.paper, 3);
  ring(2, palette.ink, 1);
}
