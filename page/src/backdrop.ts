// Draws what stays while the numbers change: captions, the frames of the maps, and the connections between the layers.

import { type Block, type Link, mapRect, type Scene } from "./geometry.ts";
import { captionLines } from "./layout.ts";
import type { Palette } from "./palette.ts";

/** More curves than this between two layers are drawn as one band. */
const MOST_CURVES = 100;

export function drawBackdrop(
  context: CanvasRenderingContext2D,
  scene: Scene,
  palette: Palette,
  classes: readonly string[],
): void {
  for (const link of scene.links) drawLink(context, link, scene, palette);
  for (const block of scene.blocks) {
    drawCaption(context, block, palette);
    drawFrames(context, block, palette);
    if (block.style === "bars") drawLabels(context, block, palette, classes);
  }
}

const LINE_HEIGHT = 15; // pixels

function drawCaption(context: CanvasRenderingContext2D, block: Block, palette: Palette): void {
  const [name, shape, does] = captionLines(block.layer);
  context.textAlign = "center";
  context.textBaseline = "top";
  context.fillStyle = palette.ink;
  context.font = `600 12px ${palette.font}`;
  context.fillText(name, block.caption.left, block.caption.top);
  context.fillStyle = palette.muted;
  context.font = `400 11px ${palette.font}`;
  context.fillText(does, block.caption.left, block.caption.top + LINE_HEIGHT);
  context.fillText(shape, block.caption.left, block.caption.top + 2 * LINE_HEIGHT);
}

function drawFrames(context: CanvasRenderingContext2D, block: Block, palette: Palette): void {
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  for (let map = 0; map < block.maps; map++) {
    const { left, top, width, height } = mapRect(block, map);
    context.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
  }
}

/** A class's name, cut where it does not fit. */
function drawLabels(
  context: CanvasRenderingContext2D,
  block: Block,
  palette: Palette,
  classes: readonly string[],
): void {
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillStyle = palette.ink;
  context.font = `400 12px ${palette.font}`;
  for (let map = 0; map < block.maps; map++) {
    const { left, top, height } = mapRect(block, map);
    context.fillText(classes[map], left - 8, top + height / 2 + 0.5, block.before - 8);
  }
}

function drawLink(context: CanvasRenderingContext2D, link: Link, scene: Scene, palette: Palette): void {
  context.strokeStyle = palette.link;
  context.fillStyle = palette.link;
  context.lineWidth = 1;
  if (link.skips) drawShortcut(context, link, scene);
  else if (curvesOf(link).length) drawCurves(context, curvesOf(link));
  else drawBand(context, link);
}

type Point = readonly [x: number, y: number];

const rightOf = (block: Block, map: number): Point => {
  const { left, top, width, height } = mapRect(block, map);
  return [left + width + block.behind + 1, top + height / 2];
};

const leftOf = (block: Block, map: number): Point => {
  const { left, top, height } = mapRect(block, map);
  return [left - block.before - 1, top + height / 2];
};

/** A curve for each pair of maps of which the second reads the first; none where they are too many to tell apart. */
function curvesOf({ from, to }: Link): (readonly [Point, Point])[] {
  const areColumns = from.maps <= from.down && to.maps <= to.down; // one column each: nothing lies in between
  if (!areColumns || from.isFolded || to.isFolded || from.style !== "maps" || to.style !== "maps") return [];
  if (to.layer.mapByMap && from.maps === to.maps) {
    return Array.from({ length: to.maps }, (_, map) => [rightOf(from, map), leftOf(to, map)] as const);
  }
  if (from.maps * to.maps > MOST_CURVES) return [];
  const maps = (block: Block) => Array.from({ length: block.maps }, (_, map) => map);
  return maps(from).flatMap((source) =>
    maps(to).map((target) => [rightOf(from, source), leftOf(to, target)] as const),
  );
}

export function traceCurve(context: CanvasRenderingContext2D, [x0, y0]: Point, [x1, y1]: Point): void {
  const middle = (x0 + x1) / 2;
  context.moveTo(x0, y0);
  context.bezierCurveTo(middle, y0, middle, y1, x1, y1);
}

function drawCurves(context: CanvasRenderingContext2D, curves: readonly (readonly [Point, Point])[]): void {
  context.beginPath();
  for (const [start, end] of curves) traceCurve(context, start, end);
  context.stroke();
}

/** One shape from the whole of one layer to the whole of the next; fainter where each number reads one alone. */
function drawBand(context: CanvasRenderingContext2D, { from, to }: Link): void {
  const [x0, x1] = [from.left + from.width + from.behind + 2, to.left - to.before - 2];
  if (x1 <= x0) return;
  const middle = (x0 + x1) / 2;
  context.globalAlpha = to.layer.mapByMap ? 0.14 : 0.3;
  context.beginPath();
  context.moveTo(x0, from.top);
  context.bezierCurveTo(middle, from.top, middle, to.top, x1, to.top);
  context.lineTo(x1, to.top + to.height);
  context.bezierCurveTo(
    middle,
    to.top + to.height,
    middle,
    from.top + from.height,
    x0,
    from.top + from.height,
  );
  context.fill();
  context.globalAlpha = 1;
}

/** A link past other columns runs beneath them. */
function drawShortcut(context: CanvasRenderingContext2D, { from, to }: Link, scene: Scene): void {
  const [x0, x1] = [from.left + from.width / 2, to.left + to.width / 2];
  const floor = scene.height - 4;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(x0, from.top + from.height + 2);
  context.bezierCurveTo(x0, floor, x0, floor, x0 + 16, floor);
  context.lineTo(x1 - 16, floor);
  context.bezierCurveTo(x1, floor, x1, floor, x1, to.top + to.height + 2);
  context.stroke();
}
