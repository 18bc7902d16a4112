// Lays out the picture of a network: how large each layer's cells are, and where its maps stand. Pure arithmetic.

import type { Block, Link, Rect, Scene } from "./geometry.ts";
import { count } from "./indexing.ts";
import type { Layer } from "./layers.ts";

/** The room that there is, and how fine the screen is. */
export interface Room {
  readonly width: number;
  readonly height: number;
  /** Device pixels a CSS pixel: cells are whole device pixels, so that all are alike. */
  readonly density: number;
}

// In pixels where text has its usual size:
const CAPTION_HEIGHT = 54; // three lines and some air
const LABEL_WIDTH = 92; // of a class's name before its bar, at most
const VALUE_WIDTH = 62; // of the digits behind a cell or bar
const LETTER = 6.6; // of a caption, on average

const MARGIN = 12; // pixels around the scene, and beneath it for shortcuts
const LONGEST_LIST = 24; // numbers: more are a folded vector
const LARGEST_SCALE = 3;
const SMALLEST_SCALE = 0.8; // below, the scene scrolls
const SCALE_STEP = 0.05;
const TIGHTEST = 0.94; // of a column's length: its maps; the rest is air between them
const VECTOR_SHARE = 0.9; // of the room's height: a long vector

/** The picture of these layers, as large as the room allows; wider than the room where it must be. */
export function layOut(layers: readonly Layer[], room: Room, classes: readonly string[]): Scene {
  for (let scale = LARGEST_SCALE; ; scale -= SCALE_STEP) {
    const scene = layOutAt(layers, room, { scale, classes });
    if (scene.width <= room.width || scale <= SMALLEST_SCALE) return spread(scene, room);
  }
}

interface Sizing {
  readonly scale: number;
  readonly classes: readonly string[];
}

/** A layer's measures before it has a place. */
type Measured = Omit<Block, "left" | "top" | "caption">;

function layOutAt(layers: readonly Layer[], room: Room, sizing: Sizing): Scene {
  const blocks: Block[] = [];
  const deepest = Math.max(...layers.map(({ depth }) => depth));
  let left = MARGIN;
  for (let depth = 0; depth <= deepest; depth++) {
    const column = layers.filter((layer) => layer.depth === depth);
    if (depth > 0) left += sizing.scale * (column.every(isClose) ? 13 : 28);
    const share = (room.height - MARGIN) / column.length;
    const measured = column.map((layer) =>
      measure(layer, { ...room, height: share - CAPTION_HEIGHT }, sizing),
    );
    const width = Math.max(...measured.map(slotWidth));
    measured.forEach((block, i) => {
      blocks.push(placeBlock(block, { left, top: i * share, width, height: share }, room.density));
    });
    left += width;
  }
  return { width: left + MARGIN, height: room.height, blocks, links: linksOf(blocks) };
}

/** Whether a layer stands close to the one before it, as a ReLU to its convolution. */
function isClose({ call }: Layer): boolean {
  const kind = call?.form?.kind;
  return kind === "pointwise" || kind === "normalisation" || kind === "rearrangement";
}

function slotWidth({ layer, width, before, behind }: Measured): number {
  return Math.max(before + width + behind, ...captionLines(layer).map((line) => line.length * LETTER));
}

/** A layer's name, its shape, and what it does. */
export function captionLines(layer: Layer): [string, string, string] {
  return [layer.name, layer.shape.join("×"), layer.does];
}

function placeBlock(block: Measured, slot: Rect, density: number): Block {
  const snap = (pixels: number) => Math.round(pixels * density) / density;
  const slack = slot.width - block.before - block.width - block.behind;
  return {
    ...block,
    left: snap(slot.left + block.before + slack / 2),
    top: snap(slot.top + CAPTION_HEIGHT + (slot.height - CAPTION_HEIGHT - block.height) / 2),
    caption: { left: slot.left + slot.width / 2, top: slot.top + 4 },
  };
}

/** Share what is left of the room among the gaps between the columns. */
function spread(scene: Scene, room: Room): Scene {
  const depths = Math.max(...scene.blocks.map(({ layer }) => layer.depth), 1);
  const slack = Math.max(0, room.width - scene.width) / depths;
  const shift = (block: Block): number => Math.round(slack * block.layer.depth * room.density) / room.density;
  const blocks = scene.blocks.map((block) => ({
    ...block,
    left: block.left + shift(block),
    caption: { ...block.caption, left: block.caption.left + shift(block) },
  }));
  return { ...scene, width: Math.max(scene.width, room.width), blocks, links: linksOf(blocks) };
}

function linksOf(blocks: readonly Block[]): Link[] {
  const byKey = new Map(blocks.map((block) => [block.layer.key, block]));
  return blocks.flatMap((to) =>
    to.layer.sources.flatMap((key) => {
      const from = byKey.get(key);
      return from ? [{ from, to, skips: to.layer.depth - from.layer.depth > 1 }] : [];
    }),
  );
}

function measure(layer: Layer, room: Room, sizing: Sizing): Measured {
  const { shape } = layer;
  if (shape.length > 1) return measureMaps(layer, room, sizing);
  const length = shape[0] ?? 1;
  return length <= LONGEST_LIST ? measureList(layer, room, sizing) : measureVector(layer, room, sizing);
}

const gridOf = (maps: number, down: number) => ({ down, across: Math.ceil(maps / down) });

/** Whole device pixels, except where a cell is smaller than one. */
function wholePixels(pixels: number, density: number): number {
  return pixels * density >= 1 ? Math.floor(pixels * density) / density : pixels;
}

function measureMaps(layer: Layer, room: Room, { scale }: Sizing): Measured {
  const [rows, columns] = layer.shape.slice(-2);
  const maps = count(layer.shape.slice(0, -2));
  const longest = Math.max(rows, columns);
  const wanted = layer.call === null ? 150 : Math.min(120, 28 + 2.4 * longest); // a smaller map stays smaller
  const largest = Math.min(scale * wanted, room.height);
  const smallest = Math.min(largest, scale * (maps > 32 ? 14 : 34));
  let down = maps;
  while (down > 1 && (TIGHTEST * room.height) / down < smallest) down--;
  const { across } = gridOf(maps, down);
  down = Math.ceil(maps / across); // columns of nearly equal length
  // Rounded where only its own measure bounds it, cut where the column's length does.
  const cell = Math.min(
    wholePixels(largest / longest + 0.5 / room.density, room.density),
    wholePixels((TIGHTEST * room.height) / down / rows, room.density),
  );
  const air = Math.max(3, 0.06 * cell * longest);
  const pitchDown = Math.min(room.height / down, cell * rows * 1.25 + 4);
  const pitch = {
    right: wholePixels(cell * columns + air, room.density),
    down: wholePixels(pitchDown, room.density),
  };
  return {
    layer,
    style: "maps",
    maps,
    rows,
    columns,
    isFolded: false,
    down,
    cell: { width: cell, height: cell },
    pitch,
    width: (across - 1) * pitch.right + cell * columns,
    height: (down - 1) * pitch.down + cell * rows,
    before: 0,
    behind: 0,
  };
}

function measureVector(layer: Layer, room: Room, { scale }: Sizing): Measured {
  const length = layer.shape[0];
  const thinnest = 3.6 * Math.min(scale, 2);
  const longest = VECTOR_SHARE * room.height;
  let columns = 1;
  while (longest / Math.ceil(length / columns) < thinnest) columns++;
  const rows = Math.ceil(length / columns);
  const height = wholePixels(Math.min(longest / rows, 9 * scale), room.density);
  const width = wholePixels(Math.max(height, (16 * scale) / columns), room.density);
  return {
    layer,
    style: "maps",
    maps: 1,
    rows,
    columns,
    isFolded: true,
    down: 1,
    cell: { width, height },
    pitch: { right: 0, down: 0 },
    width: width * columns,
    height: height * rows,
    before: 0,
    behind: 0,
  };
}

function measureList(layer: Layer, room: Room, { scale, classes }: Sizing): Measured {
  const maps = layer.shape[0] ?? 1;
  const isBars = layer.call?.form?.kind === "normalisation" && classes.length === maps;
  const pitch = wholePixels(Math.min(36 * scale, room.height / maps), room.density);
  const height = wholePixels(Math.min(pitch - 2, Math.max(0.7 * pitch, 12)), room.density);
  const width = isBars ? wholePixels(84 * scale, room.density) : height;
  const longest = Math.max(...classes.map((name) => name.length), 0);
  return {
    layer,
    style: isBars ? "bars" : "list",
    maps,
    rows: 1,
    columns: 1,
    isFolded: false,
    down: maps,
    cell: { width, height },
    pitch: { right: 0, down: pitch },
    width,
    height: (maps - 1) * pitch + height,
    before: isBars ? Math.min(LABEL_WIDTH, longest * 7.5 + 10) : 0,
    behind: VALUE_WIDTH,
  };
}
