// The places of a picture of a network: blocks, maps and cells, in CSS pixels from the scene's top left. Pure arithmetic.

import { count } from "./indexing.ts";
import type { Layer } from "./layers.ts";

export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** How a layer is drawn: maps of cells, few numbers as a list with their digits, or probabilities as bars. */
export type Style = "maps" | "list" | "bars";

/** A layer's place. Its maps stand in a grid, filled column by column; a long vector is one map, folded into columns. */
export interface Block extends Rect {
  readonly layer: Layer;
  readonly style: Style;
  readonly maps: number;
  /** Cells of each map. */
  readonly rows: number;
  readonly columns: number;
  readonly isFolded: boolean;
  /** Maps on top of one another. */
  readonly down: number;
  readonly cell: { readonly width: number; readonly height: number };
  /** From one map to the next, right and down. */
  readonly pitch: { readonly right: number; readonly down: number };
  /** Room for class names before the cells and for digits behind them. */
  readonly before: number;
  readonly behind: number;
  /** Where the caption's lines are centred, and where they begin. */
  readonly caption: { readonly left: number; readonly top: number };
}

export interface Link {
  readonly from: Block;
  readonly to: Block;
  /** Whether other columns stand between: a shortcut. */
  readonly skips: boolean;
}

export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly blocks: readonly Block[];
  readonly links: readonly Link[];
}

/** The frame of one map. */
export function mapRect(block: Block, map: number): Rect {
  return {
    left: block.left + Math.floor(map / block.down) * block.pitch.right,
    top: block.top + (map % block.down) * block.pitch.down,
    width: block.columns * block.cell.width,
    height: block.rows * block.cell.height,
  };
}

/** A cell of a block: which map, and where in it. */
export interface Cell {
  readonly map: number;
  readonly row: number;
  readonly column: number;
}

/** The place, in row-major order in the layer's tensor, of the number that a cell shows; null beyond a folded vector's end. */
export function placeOfCell(block: Block, { map, row, column }: Cell): number | null {
  if (!block.isFolded) return (map * block.rows + row) * block.columns + column;
  const place = column * block.rows + row;
  return place < count(block.layer.shape) ? place : null;
}

/** The cell that shows the number at a place. */
export function cellOfPlace(block: Block, place: number): Cell {
  if (block.isFolded) return { map: 0, row: place % block.rows, column: Math.floor(place / block.rows) };
  const area = block.rows * block.columns;
  const within = place % area;
  return {
    map: Math.floor(place / area),
    row: Math.floor(within / block.columns),
    column: within % block.columns,
  };
}

export function cellRect(block: Block, { map, row, column }: Cell): Rect {
  const frame = mapRect(block, map);
  const { width, height } = block.cell;
  return { left: frame.left + column * width, top: frame.top + row * height, width, height };
}

const isInside = (rect: Rect, x: number, y: number, reach = 0): boolean =>
  x >= rect.left - reach &&
  x < rect.left + rect.width + reach &&
  y >= rect.top - reach &&
  y < rect.top + rect.height + reach;

/** The block and cell at a point of the scene; null between the maps. */
export function cellAt(scene: Scene, x: number, y: number): { block: Block; cell: Cell } | null {
  for (const block of scene.blocks) {
    if (!isInside(block, x, y, block.style === "maps" ? 0 : block.behind)) continue;
    for (let map = 0; map < block.maps; map++) {
      const frame = mapRect(block, map);
      const hit = block.style === "maps" ? frame : { ...frame, width: frame.width + block.behind };
      if (!isInside(hit, x, y)) continue;
      const row = Math.min(block.rows - 1, Math.floor((y - frame.top) / block.cell.height));
      const column = Math.min(block.columns - 1, Math.floor((x - frame.left) / block.cell.width));
      const cell = { map, row, column };
      return placeOfCell(block, cell) === null ? null : { block, cell };
    }
  }
  return null;
}

/** The frame of a rectangle of cells of one map, both ends inclusive. */
export function cellsRect(block: Block, first: Cell, last: Cell): Rect {
  const from = cellRect(block, first);
  const to = cellRect(block, last);
  return {
    left: from.left,
    top: from.top,
    width: to.left + to.width - from.left,
    height: to.top + to.height - from.top,
  };
}
