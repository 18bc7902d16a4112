// Tensors of repeatable random numbers.

import { count } from "../src/indexing.ts";
import type { Tensor } from "../src/types.ts";

/** A generator of numbers in [0, 1) that gives the same ones for the same seed (a linear congruential one). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** Numbers in [-scale, scale). */
export function randomTensor(shape: readonly number[], next: () => number, scale = 1): Tensor {
  const data = Float32Array.from({ length: count(shape) }, () => (next() * 2 - 1) * scale);
  return { dtype: "float32", shape, data };
}
