// The network view: the pad left, then the layers as columns of maps; what lights up; the line that says it in words.

import { useEffect, useRef } from "preact/hooks";
import { layers, lit } from "../derived.ts";
import { cellOfPlace, cellRect, type Rect } from "../geometry.ts";
import { placeOf } from "../indexing.ts";
import { STEPS } from "../keys.ts";
import { countLit } from "../lit.ts";
import { Pad } from "../pad.tsx";
import { isSame, openUnit, pointAt } from "../pointing.ts";
import { Readout } from "../readout.tsx";
import { Stage, unitOf } from "../stage.ts";
import * as state from "../state.ts";
import type { Unit } from "../types.ts";
import { type Spot, walk } from "../walk.ts";

export function NetworkView() {
  const scroller = useRef<HTMLDivElement>(null);
  const sizer = useRef<HTMLDivElement>(null);
  const numbers = useRef<HTMLCanvasElement>(null);
  const highlights = useRef<HTMLCanvasElement>(null);
  const stage = useRef<Stage | null>(null);

  useEffect(() => {
    if (!scroller.current || !sizer.current || !numbers.current || !highlights.current) return;
    const made = new Stage({
      scroller: scroller.current,
      sizer: sizer.current,
      numbers: numbers.current,
      highlights: highlights.current,
    });
    stage.current = made;
    shown.stage = made;
    if (state.hoveredUnit.peek()) scroller.current.focus({ preventScroll: true }); // back from a unit: walk on from it
    return () => {
      made.end();
      shown.stage = null;
      state.hoveredUnit.value = null;
    };
  }, []);

  const point = (event: PointerEvent) => {
    if (event.pointerType !== "touch") pointAt(stage.current?.unitAt(event.clientX, event.clientY) ?? null);
  };
  const leave = (event: PointerEvent) => {
    if (event.pointerType !== "touch") pointAt(null); // a finger leaves whenever it is lifted
  };
  const click = (event: MouseEvent) => {
    const unit = stage.current?.unitAt(event.clientX, event.clientY) ?? null;
    const isTouch = event instanceof PointerEvent && event.pointerType === "touch";
    // A finger cannot hover: its first touch points, its second at the same unit opens.
    if (unit && (!isTouch || isSame(unit, state.hoveredUnit.peek()))) openUnit(unit);
    else pointAt(unit);
  };
  const press = (event: KeyboardEvent) => {
    if (!stage.current || event.ctrlKey || event.metaKey || event.altKey) return;
    if (act(stage.current, event.key)) event.preventDefault();
  };

  return (
    <main class="network">
      <Pad />
      <div
        class="stage"
        data-lit={lit.value ? [...countLit(lit.value)].map((pair) => pair.join(":")).join(" ") : ""}
      >
        <div aria-hidden="true">
          <canvas ref={numbers} />
          <canvas ref={highlights} />
        </div>
        <div
          class="scroller"
          ref={scroller}
          role="application"
          aria-roledescription="picture of a network"
          aria-label={describe()}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a picture that is walked with the arrow keys takes the focus
          tabIndex={0}
          onPointerMove={point}
          onPointerLeave={leave}
          onClick={click}
          onKeyDown={press}
        >
          <div class="sizer" ref={sizer} />
        </div>
        {layers.value.length === 0 && <p class="waiting">{waitingFor()}</p>}
      </div>
      <Readout />
    </main>
  );
}

function waitingFor(): string {
  if (state.waiting.value) return state.waiting.value;
  return state.summary.value ? "Tracing ..." : "The network comes with the first checkpoint of its run ...";
}

/** The stage that is on the page, for `window.convlens`. */
export const shown: { stage: Stage | null } = { stage: null };

function describe(): string {
  const names = layers.value.map(({ name, does }) => `${name} (${does})`);
  return `The network's layers: ${names.join(", ")}. Arrow keys walk the units, [ and ] the layers, Enter opens a unit.`;
}

/** Do what a key stands for; false if it stands for nothing here. */
function act(stage: Stage, key: string): boolean {
  const unit = state.hoveredUnit.peek();
  if (key === "Enter" && unit) openUnit(unit);
  else if (key === "Escape" && unit) pointAt(null);
  else if (key in STEPS && stage.scene.blocks.length) {
    const spot = unit && spotOf(stage, unit);
    const next = spot ? walk(stage.scene, spot, STEPS[key]) : { block: stage.scene.blocks[0], place: 0 };
    pointAt(unitOf(next.block, next.place));
    stage.reveal(next.block);
  } else return false;
  return true;
}

function spotOf(stage: Stage, unit: Unit): Spot | null {
  const block = stage.scene.blocks.find(({ layer }) => layer.name === unit.layer);
  return block ? { block, place: placeOf(unit.index, block.layer.shape) } : null;
}

/** Where a unit is drawn, in the scene's coordinates; null if it is not. */
export function rectOf(stage: Stage, unit: Unit): Rect | null {
  const spot = spotOf(stage, unit);
  return spot && cellRect(spot.block, cellOfPlace(spot.block, spot.place));
}
