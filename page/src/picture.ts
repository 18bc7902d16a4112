// What the net is shown: a drawing, one of the server's samples, or the pixels of a photo.

import { type Ink, rasterise } from "./ink.ts";
import type { Preprocessing, Tensor } from "./types.ts";

export type Picture =
  | { readonly kind: "ink"; readonly ink: Ink }
  | { readonly kind: "sample"; readonly index: number }
  | { readonly kind: "pixels"; readonly pixels: Tensor; readonly inverted: boolean };

/** Light ink on dark, as the digits that the net learnt, or dark on light, as on paper: what most of the border is. */
export function isDarkOnLight(pixels: Tensor): boolean {
  const [channels, rows, columns] = pixels.shape;
  let [total, counted] = [0, 0];
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < rows; row++) {
      const step = row === 0 || row === rows - 1 ? 1 : Math.max(1, columns - 1);
      for (let column = 0; column < columns; column += step) {
        total += Number(pixels.data[(channel * rows + row) * columns + column]);
        counted++;
      }
    }
  }
  return counted > 0 && total / counted > 127.5;
}

/** The image that a drawing or a photo is, as the net's preprocessing wants it: channel, row, column; 0..255. */
export function imageOf(picture: Exclude<Picture, { kind: "sample" }>, preprocessing: Preprocessing): Tensor {
  if (picture.kind === "ink") {
    const [rows, columns] = preprocessing.size;
    return { dtype: "uint8", shape: [1, rows, columns], data: rasterise(picture.ink, rows, columns) };
  }
  const { pixels, inverted } = picture;
  if (!inverted) return pixels;
  return { ...pixels, data: Uint8Array.from(pixels.data as Uint8Array, (pixel) => 255 - pixel) };
}
