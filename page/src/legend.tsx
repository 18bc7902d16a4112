// The colour scale with the numbers at its ends, and zero marked.

import { useComputed } from "@preact/signals";
import { cssColour } from "./colour.ts";
import { lit } from "./derived.ts";
import { findLimits } from "./limits.ts";
import * as state from "./state.ts";
import { readable } from "./words.ts";

/** What the legend tells of: the layer under the pointer, or the first. */
function focus(): { layer: string; map: number; key: string } | null {
  const unit = state.hoveredUnit.value;
  const first = state.net.value?.calls[0];
  if (unit && unit.layer !== "input") {
    return {
      layer: unit.layer,
      map: unit.index.length > 1 ? unit.index[0] : 0,
      key: `activation/${unit.layer}`,
    };
  }
  return first ? { layer: first.name, map: 0, key: first.output } : null;
}

export function Legend() {
  const limit = useComputed(() => {
    const at = focus();
    const trace = state.trace.value;
    if (!at || !trace || !state.net.value) return null;
    return findLimits(trace.activations, state.net.value.calls, state.colourScope.value)(at.key, at.map);
  });
  const at = focus();
  if (limit.value === null || !at) return null;
  const scope = state.colourScope.value;
  const of = { map: `${at.layer}, map ${at.map}`, layer: at.layer, net: "all layers" }[scope];
  const weights = lit.value?.largestWeight;
  return (
    <div class="legends">
      <Scale limit={limit.value} of={of} />
      {weights ? <Scale limit={weights} of="weights" /> : null}
    </div>
  );
}

/** One scale; "values of conv1 from −2.3 over 0 to 2.3" for those who do not see it. */
function Scale({ limit, of }: { readonly limit: number; readonly of: string }) {
  const colours = Array.from({ length: 17 }, (_, i) => cssColour(i / 8 - 1, 1, state.ramp.value));
  const end = readable(limit, 3);
  return (
    <figure class="legend" aria-label={`Colours of ${of}: blue −${end}, zero, orange ${end}`}>
      <figcaption>{of}</figcaption>
      <div class="strip" style={{ backgroundImage: `linear-gradient(to right, ${colours.join(", ")})` }} />
      <div class="ends" aria-hidden="true">
        <span>−{end}</span>
        <span>0</span>
        <span>{end}</span>
      </div>
    </figure>
  );
}
