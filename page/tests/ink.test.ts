import assert from "node:assert/strict";
import test from "node:test";
import {
  beginStroke,
  decodeInk,
  encodeInk,
  erase,
  extendStroke,
  type Ink,
  NO_INK,
  place,
  rasterise,
} from "../src/ink.ts";
import { random } from "./random.ts";

function stroke(ink: Ink, ...points: readonly (readonly [number, number])[]): Ink {
  const [[row, column], ...rest] = points;
  return rest.reduce((drawn, [r, c]) => extendStroke(drawn, r, c), beginStroke(ink, row, column));
}

const AS_DRAWN: Ink = { ...NO_INK, width: 3, centred: false };

/** Rows and columns that hold ink, and the centre of mass. */
function measure(pixels: Uint8Array, side = 28) {
  const marked = [...pixels.keys()].filter((at) => pixels[at] > 127);
  const rows = marked.map((at) => Math.floor(at / side));
  const columns = marked.map((at) => at % side);
  const mass = pixels.reduce((sum, value) => sum + value, 0);
  const mean = (of: (at: number) => number) =>
    pixels.reduce((sum, value, at) => sum + value * of(at), 0) / mass;
  return {
    height: Math.max(...rows) - Math.min(...rows) + 1,
    width: Math.max(...columns) - Math.min(...columns) + 1,
    row: mean((at) => Math.floor(at / side) + 0.5),
    column: mean((at) => (at % side) + 0.5),
  };
}

test("a horizontal stroke of width 3 whitens three rows of pixels", () => {
  const pixels = rasterise(stroke(AS_DRAWN, [10.5, 5.5], [10.5, 20.5]), 28, 28);
  const column = Array.from({ length: 28 }, (_, row) => pixels[row * 28 + 12]);
  assert.deepEqual(column.slice(8, 14), [0, 255, 255, 255, 0, 0]);
});

test("brightness falls off with the distance to the segment, over one pixel", () => {
  const pixels = rasterise(stroke(AS_DRAWN, [10, 5.5], [10, 20.5]), 28, 28);
  const column = Array.from({ length: 28 }, (_, row) => pixels[row * 28 + 12]);
  assert.deepEqual(column.slice(7, 13), [0, 128, 255, 255, 128, 0]); // 1.5 pixels to each side end in the middle of a row
});

test("a single point draws a dot", () => {
  const pixels = rasterise(stroke(AS_DRAWN, [14, 14]), 28, 28);
  assert.equal(pixels[13 * 28 + 13], 255);
});

test("a larger net's input shows the same drawing, larger", () => {
  const drawn = stroke(AS_DRAWN, [7, 7], [21, 14]);
  const small = measure(rasterise(drawn, 28, 28));
  const large = measure(rasterise(drawn, 56, 56), 56);
  assert.ok(Math.abs(large.row / small.row - 2) < 0.02 && Math.abs(large.column / small.column - 2) < 0.02);
});

const CENTRED: Ink = { ...NO_INK, centred: true };

test("a centred drawing fills a box of 20 pixels, wherever it was drawn, and none of it is lost", () => {
  const next = random(3);
  for (let count = 0; count < 50; count++) {
    const points = Array.from({ length: 5 }, () => [3 + 22 * next(), 3 + 22 * next()] as const);
    const { height, width } = measure(rasterise(stroke(CENTRED, ...points), 28, 28));
    const longer = Math.max(height, width);
    assert.ok(longer >= 18 && longer <= 21, `${height} x ${width}`); // a round tip may whiten less than half of its pixel
  }
});

test("a centred drawing balances in the middle", () => {
  const seven = stroke(CENTRED, [3, 2], [3, 12], [20, 6]);
  const { row, column } = measure(rasterise(seven, 28, 28));
  assert.ok(Math.abs(row - 14) < 0.1 && Math.abs(column - 14) < 0.1, `balances at ${row}, ${column}`);
});

test("centring keeps the aspect: a line stays a line", () => {
  const { height, width } = measure(rasterise(stroke(CENTRED, [2, 3], [12, 3]), 28, 28));
  assert.equal(height, 20);
  assert.ok(width <= 3);
});

test("a dot is not blown up to a disc", () => {
  const { height } = measure(rasterise(stroke(CENTRED, [5, 5], [5.5, 5]), 28, 28));
  assert.ok(height <= 6);
  assert.equal(place(stroke(CENTRED, [5, 5])).scale, 4);
});

test("an empty pad is black", () => {
  assert.ok(rasterise(CENTRED, 28, 28).every((pixel) => pixel === 0));
});

test("the eraser takes points away and cuts a stroke in two", () => {
  const line = stroke(AS_DRAWN, [14, 4], [14, 8], [14, 12], [14, 16], [14, 20]);
  const cut = erase(line, 14, 12, 2);
  assert.deepEqual(
    cut.strokes.map((points) => points.length / 2),
    [2, 2],
  );
});

test("points beyond the pad's edge lie on it", () => {
  assert.deepEqual(stroke(AS_DRAWN, [-3, 40]).strokes, [[0, 224]]);
});

test("a drawing comes back from its letters exactly, and so do its pixels", () => {
  const next = random(7);
  let ink: Ink = { ...NO_INK, width: 2.75, centred: true };
  for (let s = 0; s < 4; s++) {
    ink = beginStroke(ink, 28 * next(), 28 * next());
    for (let p = 0; p < 60; p++) ink = extendStroke(ink, 28 * next(), 28 * next());
  }
  const letters = encodeInk(ink);
  assert.match(letters, /^[\w-]+$/);
  assert.deepEqual(decodeInk(letters), ink);
  assert.deepEqual(rasterise(decodeInk(letters) as Ink, 28, 28), rasterise(ink, 28, 28));
});

test("a slow pen does not pile up points: one in half a pixel stays", () => {
  let ink = beginStroke(AS_DRAWN, 14, 4);
  for (let at = 0; at <= 1000; at++) ink = extendStroke(ink, 14, 4 + at / 100);
  assert.ok(ink.strokes[0].length / 2 <= 22, `${ink.strokes[0].length / 2} points for 10 pixels`);
  assert.deepEqual(ink.strokes[0].slice(-2), [14 * 8, 14 * 8]);
});

test("letters that are no drawing are refused, not guessed", () => {
  for (const letters of ["", "A", "%%", "AAAA", "FAEB", encodeInk(AS_DRAWN).slice(0, -1), "FP8ICP8"]) {
    assert.equal(decodeInk(letters), null, letters);
  }
});
