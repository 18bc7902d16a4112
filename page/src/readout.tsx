// The line beneath the picture: the unit under the pointer in words, and the legend of the colours.

import { computed } from "@preact/signals";
import { layers, lit } from "./derived.ts";
import { placeOf } from "./indexing.ts";
import { Legend } from "./legend.tsx";
import { openUnit } from "./pointing.ts";
import * as state from "./state.ts";
import type { Unit } from "./types.ts";
import { nameReads, nameRectangle, nameUnit, readable } from "./words.ts";

/** The value that the open trace has at a unit. */
const value = computed<number | null>(() => {
  const unit = state.hoveredUnit.value;
  const tensor = unit && state.trace.value?.activations.get(`activation/${unit.layer}`);
  if (!tensor || !lit.value) return null;
  return Number(tensor.data[placeOf(unit.index, tensor.shape.slice(1))]);
});

export function Readout() {
  const unit = state.hoveredUnit.value;
  return (
    <section class="readout" aria-label="Unit and legend">
      <p class="unit" role="status">
        {unit && lit.value && value.value !== null ? (
          <Words unit={unit} value={value.value} />
        ) : (
          <span class="hint">
            <span class="by-pointer">
              Point at any number to see what it reads; click it for its arithmetic.
            </span>
            <span class="by-touch">Tap any number to see what it reads, and again for its arithmetic.</span>
          </span>
        )}
      </p>
      <Legend />
    </section>
  );
}

function Words({ unit, value }: { readonly unit: Unit; readonly value: number }) {
  const call = layers.value.find(({ name }) => name === unit.layer)?.call;
  const field = lit.value?.receptiveField;
  return (
    <>
      <span class="name">{nameUnit(unit)}</span>
      <output class="value">{readable(value)}</output>
      {call ? (
        <>
          <span class="reads">
            {call.form && lit.value ? nameReads(lit.value) : (call.reason ?? "unsupported")}
          </span>
          {field && <span class="field">sees {nameRectangle(field)} of the input</span>}
          <button type="button" class="open" onClick={() => openUnit(unit)}>
            Show the arithmetic
          </button>
        </>
      ) : (
        <span class="reads">{pixelBehind(unit)}</span>
      )}
    </>
  );
}

/** "pixel 253 after normalisation": the input's numbers are pixels that were normalised. */
function pixelBehind(unit: Unit): string {
  const image = state.trace.value?.image;
  if (!image || image.shape.length !== unit.index.length) return "";
  return `pixel ${image.data[placeOf(unit.index, image.shape)]} of 255, normalised`;
}
