// The legend of some colours: the strip from the most negative over zero to the most positive, with the numbers at its ends.

import * as state from "../state.ts";
import { readable } from "../words.ts";

const STOPS = 16; // of the ramp's colours, one in so many

export function Scale({ limit, of }: { limit: number; of: string }) {
  const colours = state.ramp.value.rgb
    .filter((_, i) => i % STOPS === STOPS - 1)
    .map((rgb) => `rgb(${rgb.join(" ")})`);
  if (!(limit > 0)) return null; // all is zero
  const end = readable(limit, 3);
  return (
    <span class="scale" role="img" aria-label={`Colours of ${of}: from −${end} over zero to ${end}`}>
      <span aria-hidden="true">−{end}</span>
      <span
        class="scale-strip"
        style={{ backgroundImage: `linear-gradient(to right, ${colours.join(", ")})` }}
      />
      <span aria-hidden="true">{end}</span>
    </span>
  );
}
