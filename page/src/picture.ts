// What the net is shown: a drawing, one of the server's samples, or the pixels of a photo.

import { type Ink, rasterise } from "./ink.ts";
import type { Preprocessing, Tensor } from "./types.ts";

export type Picture =
  | { readonly kind: "ink"; readonly ink: Ink }
  | { readonly kind: "sample"; readonly index: number }
  | { readonly kind: "pixels"; readonly pixels: Tensor; readonly inverted: boolean };

/** What of a photo is paper, and what ink: the mean of its border, and its darkest pixel; 0..255. */
export function findPaper(pixels: Tensor): { paper: number; ink: number } {
  const [, rows, columns] = pixels.shape;
  let [total, counted, ink] = [0, 0, 255];
  for (let at = 0; at < pixels.data.length; at++) {
    const pixel = Number(pixels.data[at]);
    const [row, column] = [Math.floor(at / columns) % rows, at % columns];
    ink = Math.min(ink, pixel);
    if (row > 0 && row < rows - 1 && column > 0 && column < columns - 1) continue;
    total += pixel;
    counted++;
  }
  return { paper: Math.round(total / counted), ink };
}

/** Dark ink on light paper, unlike the digits that the net learnt, which are light on dark. */
export function isDarkOnLight(pixels: Tensor): boolean {
  return findPaper(pixels).paper > 127;
}

/** Make paper black and the darkest ink white: 255 * (paper - pixel) / (paper - ink). */
function invert(pixels: Tensor): Tensor {
  const { paper, ink } = findPaper(pixels);
  const scale = paper > ink ? 255 / (paper - ink) : 0;
  const data = Uint8Array.from(pixels.data as Uint8Array, (pixel) =>
    Math.max(0, Math.round((paper - pixel) * scale)),
  );
  return { ...pixels, data };
}

/** The image that a drawing or a photo is, as the net's preprocessing wants it: channel, row, column; 0..255. */
export function imageOf(picture: Exclude<Picture, { kind: "sample" }>, preprocessing: Preprocessing): Tensor {
  if (picture.kind === "pixels") return picture.inverted ? invert(picture.pixels) : picture.pixels;
  const [rows, columns] = preprocessing.size;
  return { dtype: "uint8", shape: [1, rows, columns], data: rasterise(picture.ink, rows, columns) };
}
