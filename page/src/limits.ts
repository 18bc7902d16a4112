// The magnitude that has the colour scale's strongest colour: the largest of a map, of a layer, or of the whole net.

import type { ColourScope } from "./address.ts";
import { largest } from "./colour.ts";
import { INPUT } from "./forms.ts";
import { count } from "./indexing.ts";
import type { Call, Tensors } from "./types.ts";

/** The limit for map `map` of the activation under `key`. */
export type LimitOf = (key: string, map: number) => number;

/** Find the limits of one trace. Pixels and probabilities have scales of their own and do not count for the net's. */
export function findLimits(activations: Tensors, calls: readonly Call[], scope: ColourScope): LimitOf {
  const layer = (key: string): number => largest(numbersOf(activations, key));
  if (scope === "map") return (key, map) => largestOfMap(activations, key, map);
  const layers = new Map([...activations.keys()].map((key) => [key, layer(key)]));
  if (scope === "layer") return (key) => layers.get(key) ?? 0;
  const counted = calls.filter(({ form }) => form?.kind !== "normalisation").map(({ output }) => output);
  const net = Math.max(0, ...counted.map((key) => layers.get(key) ?? 0));
  return (key) => (key === INPUT ? (layers.get(key) ?? 0) : net);
}

function largestOfMap(activations: Tensors, key: string, map: number): number {
  const shape = activations.get(key)?.shape ?? [];
  const data = numbersOf(activations, key);
  if (shape.length < 4) return largest(data); // a vector is one map
  const area = count(shape.slice(-2));
  return largest(data, map * area, (map + 1) * area);
}

function numbersOf(activations: Tensors, key: string): ArrayLike<number> {
  const data = activations.get(key)?.data;
  return data && !(data instanceof BigInt64Array) ? data : [];
}
