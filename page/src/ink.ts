// A drawing as pen strokes: from strokes to pixels, and to the few letters that stand for it in the address.
// Coordinates are rows and columns of a square pad of 28 pixels, in eighths of a pixel: what the address says is exactly
// what was drawn.

/** Rows and columns of the pad, whatever the size of the net's input. */
export const PAD = 28;
const GRID = 8; // places a pixel

/** A point every this many pixels is enough for a smooth stroke. */
const SPACING = 0.5;

/** MNIST's digits fill a box of 20 pixels, and lie with their centre of mass at the centre of 28 (LeCun et al., 1998). */
const BOX = 20;

/** A dot is not blown up to a disc: the largest factor by which centring enlarges a drawing. */
const LARGEST_SCALE = 4;

/** The edge of a stroke falls from white to black over this many pixels. */
const SOFT_EDGE = 1;

/** Row, column, row, column ..., in eighths of a pixel. */
export type Stroke = readonly number[];

export interface Ink {
  readonly strokes: readonly Stroke[];
  /** The pen's diameter, in pixels of the pad. */
  readonly width: number;
  /** Whether the drawing is scaled and shifted as MNIST's digits are before the net reads it. */
  readonly centred: boolean;
}

export const NO_INK: Ink = { strokes: [], width: 2.5, centred: true };

/** From pad to picture: enlarge by `scale`, then shift by `row` and `column`, in pixels of the pad. */
export interface Placement {
  readonly scale: number;
  readonly row: number;
  readonly column: number;
}

const AS_DRAWN: Placement = { scale: 1, row: 0, column: 0 };

const quantise = (pixels: number): number => Math.round(Math.max(0, Math.min(PAD, pixels)) * GRID);

/** Begin a stroke at a point of the pad, in pixels. */
export function beginStroke(ink: Ink, row: number, column: number): Ink {
  return { ...ink, strokes: [...ink.strokes, [quantise(row), quantise(column)]] };
}

/** Lead the last stroke on to a point, in pixels. */
export function extendStroke(ink: Ink, row: number, column: number): Ink {
  const stroke = ink.strokes[ink.strokes.length - 1] ?? [];
  const point = [quantise(row), quantise(column)];
  // The last point follows the pen until it is far enough from the one before to stay.
  const kept = stroke.length >= 4 && spacingOfLast(stroke) < SPACING ? stroke.slice(0, -2) : stroke;
  return { ...ink, strokes: [...ink.strokes.slice(0, -1), [...kept, ...point]] };
}

function spacingOfLast(stroke: Stroke): number {
  const [row0, column0, row1, column1] = stroke.slice(-4);
  return Math.hypot(row1 - row0, column1 - column0) / GRID;
}

/** Take away what lies within `radius` pixels of a point. A stroke that is cut becomes two. */
export function erase(ink: Ink, row: number, column: number, radius: number): Ink {
  const strokes: number[][] = [];
  for (const stroke of ink.strokes) {
    let run: number[] = [];
    for (let at = 0; at < stroke.length; at += 2) {
      if (Math.hypot(stroke[at] / GRID - row, stroke[at + 1] / GRID - column) > radius) {
        run.push(stroke[at], stroke[at + 1]);
      } else {
        if (run.length) strokes.push(run);
        run = [];
      }
    }
    if (run.length) strokes.push(run);
  }
  return { ...ink, strokes };
}

/** Where the drawing goes before the net reads it. */
export function place(ink: Ink): Placement {
  if (!ink.centred || ink.strokes.length === 0) return AS_DRAWN;
  let [top, left, bottom, right] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const stroke of ink.strokes) {
    for (let at = 0; at < stroke.length; at += 2) {
      top = Math.min(top, stroke[at] / GRID);
      bottom = Math.max(bottom, stroke[at] / GRID);
      left = Math.min(left, stroke[at + 1] / GRID);
      right = Math.max(right, stroke[at + 1] / GRID);
    }
  }
  const extent = Math.max(bottom - top, right - left, (BOX - ink.width) / LARGEST_SCALE);
  const scale = (BOX - ink.width) / extent; // the pen's own width belongs to the box
  const boxed = {
    scale,
    row: PAD / 2 - (scale * (top + bottom)) / 2,
    column: PAD / 2 - (scale * (left + right)) / 2,
  };
  const mass = centreOfMass(rasterise(ink, PAD, PAD, boxed));
  return {
    scale,
    row: boxed.row + within(PAD / 2 - mass.row),
    column: boxed.column + within(PAD / 2 - mass.column),
  };
}

/** A shift that leaves the whole box on the picture. */
function within(shift: number): number {
  const most = (PAD - BOX) / 2;
  return Math.max(-most, Math.min(most, shift));
}

/** The point about which a square picture of the pad balances, in pixels. */
function centreOfMass(pixels: Uint8Array): { row: number; column: number } {
  let [total, rows, columns] = [0, 0, 0];
  for (let at = 0; at < pixels.length; at++) {
    total += pixels[at];
    rows += pixels[at] * (Math.floor(at / PAD) + 0.5);
    columns += pixels[at] * ((at % PAD) + 0.5);
  }
  return total ? { row: rows / total, column: columns / total } : { row: PAD / 2, column: PAD / 2 };
}

/**
 * White ink on black: a pixel's brightness falls off with its centre's distance to the nearest segment.
 *
 * @returns brightness 0..255 of rows x columns pixels, row-major.
 */
export function rasterise(ink: Ink, rows: number, columns: number, placement = place(ink)): Uint8Array {
  const zoom = { row: rows / PAD, column: columns / PAD };
  const radius = (ink.width / 2) * Math.min(zoom.row, zoom.column);
  const reach = radius + SOFT_EDGE / 2;
  const nearest = new Float32Array(rows * columns).fill(Infinity); // squared distance to the ink
  const rowOf = (eighths: number) => ((eighths / GRID) * placement.scale + placement.row) * zoom.row;
  const columnOf = (eighths: number) => ((eighths / GRID) * placement.scale + placement.column) * zoom.column;
  for (const stroke of ink.strokes) {
    for (let at = 0; at < stroke.length; at += 2) {
      if (at === 0 && stroke.length > 2) continue; // a segment ends at each point but the first; a dot is its own
      const before = Math.max(0, at - 2);
      markSegment(nearest, { rows, columns, reach }, [
        rowOf(stroke[before]),
        columnOf(stroke[before + 1]),
        rowOf(stroke[at]),
        columnOf(stroke[at + 1]),
      ]);
    }
  }
  return Uint8Array.from(nearest, (squared) => {
    const inside = (radius - Math.sqrt(squared)) / SOFT_EDGE + 0.5;
    return Math.round(255 * Math.max(0, Math.min(1, inside)));
  });
}

/** Bring the distances down to that of one segment, among the pixels within its reach. */
function markSegment(
  nearest: Float32Array,
  picture: { readonly rows: number; readonly columns: number; readonly reach: number },
  [row0, column0, row1, column1]: readonly [number, number, number, number],
): void {
  const { rows, columns, reach } = picture;
  const [down, along] = [row1 - row0, column1 - column0];
  const squaredLength = down * down + along * along;
  const top = Math.max(0, Math.floor(Math.min(row0, row1) - reach));
  const bottom = Math.min(rows - 1, Math.floor(Math.max(row0, row1) + reach));
  const left = Math.max(0, Math.floor(Math.min(column0, column1) - reach));
  const right = Math.min(columns - 1, Math.floor(Math.max(column0, column1) + reach));
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const r = row + 0.5 - row0;
      const c = column + 0.5 - column0;
      const share = squaredLength ? Math.max(0, Math.min(1, (r * down + c * along) / squaredLength)) : 0;
      const squared = (r - share * down) ** 2 + (c - share * along) ** 2;
      const at = row * columns + column;
      if (squared < nearest[at]) nearest[at] = squared;
    }
  }
}

const END_OF_STROKE = 255; // no place of the pad: those end at 28 * 8 = 224

/** A drawing in letters, digits, - and _. */
export function encodeInk(ink: Ink): string {
  const bytes = [Math.round(ink.width * GRID), ink.centred ? 1 : 0];
  for (const stroke of ink.strokes) bytes.push(...stroke, END_OF_STROKE);
  return encodeBytes(Uint8Array.from(bytes));
}

/** Read what `encodeInk` wrote; null if it is anything else. */
export function decodeInk(text: string): Ink | null {
  const bytes = decodeBytes(text);
  if (!bytes || bytes.length < 2 || bytes[0] === 0 || bytes[0] > PAD * GRID || bytes[1] > 1) return null;
  const strokes: number[][] = [];
  let stroke: number[] = [];
  for (const byte of bytes.subarray(2)) {
    if (byte !== END_OF_STROKE) stroke.push(byte);
    else {
      if (stroke.length < 2 || stroke.length % 2) return null;
      strokes.push(stroke);
      stroke = [];
    }
  }
  const inside = strokes.every((points) => points.every((at) => at <= PAD * GRID));
  if (stroke.length || !inside) return null;
  return { strokes, width: bytes[0] / GRID, centred: bytes[1] === 1 };
}

/** Bytes as base64url (RFC 4648) without padding. */
export function encodeBytes(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Read base64url; null if it is anything else. */
export function decodeBytes(text: string): Uint8Array | null {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return null;
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) =>
    letter.charCodeAt(0),
  );
}
