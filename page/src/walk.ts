// Walking the picture by keyboard: from one cell to the next, from map to map, from layer to layer.

import { type Block, type Cell, cellOfPlace, placeOfCell, type Scene } from "./geometry.ts";

export type Step =
  | "up"
  | "down"
  | "left"
  | "right"
  | "map before"
  | "map after"
  | "layer before"
  | "layer after";

const DIRECTIONS = { up: [-1, 0], down: [1, 0], left: [0, -1], right: [0, 1] } as const;

/** A number of a layer. */
export interface Spot {
  readonly block: Block;
  readonly place: number;
}

/** Where a step leads; the same spot where there is nothing. */
export function walk(scene: Scene, from: Spot, step: Step): Spot {
  const { block } = from;
  const cell = cellOfPlace(block, from.place);
  switch (step) {
    case "layer before":
    case "layer after":
      return nextLayer(scene, from, step === "layer after" ? 1 : -1);
    case "map before":
    case "map after": {
      const map = cell.map + (step === "map after" ? 1 : -1);
      return map >= 0 && map < block.maps ? spotAt(block, { ...cell, map }, from) : from;
    }
    default:
      return spotAt(block, neighbour(block, cell, DIRECTIONS[step]), from);
  }
}

function spotAt(block: Block, cell: Cell | null, otherwise: Spot): Spot {
  const place = cell && placeOfCell(block, cell);
  return place === null ? otherwise : { block, place };
}

/** The next cell in a direction, in the next map where this one ends. */
function neighbour(block: Block, cell: Cell, [down, right]: readonly [number, number]): Cell | null {
  const row = cell.row + down;
  const column = cell.column + right;
  if (row >= 0 && row < block.rows && column >= 0 && column < block.columns) return { ...cell, row, column };
  const gridRow = (cell.map % block.down) + down;
  const map = cell.map + down + right * block.down;
  if (gridRow < 0 || gridRow >= block.down || map < 0 || map >= block.maps) return null;
  return {
    map,
    row: (row + block.rows) % block.rows,
    column: (column + block.columns) % block.columns,
  };
}

/** The number in the next layer that lies as far down and along as this one. */
function nextLayer(scene: Scene, { block, place }: Spot, by: number): Spot {
  const at = scene.blocks.indexOf(block) + by;
  const next = scene.blocks[at];
  if (!next) return { block, place };
  const cell = cellOfPlace(block, place);
  const scaled = (part: number, of: number, to: number) => Math.floor(((part + 0.5) / of) * to);
  const found = {
    map: Math.floor((cell.map / block.maps) * next.maps),
    row: scaled(cell.row, block.rows, next.rows),
    column: scaled(cell.column, block.columns, next.columns),
  };
  return { block: next, place: placeOfCell(next, found) ?? 0 };
}
