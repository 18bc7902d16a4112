// Which unit this is: its layer and neighbours, its value, the image with what it sees, its map with itself marked.

import { useComputed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { INPUT, type Rectangle, receptiveField } from "../forms.ts";
import { exact } from "../numbers.ts";
import { closeUnit } from "../pointing.ts";
import * as state from "../state.ts";
import { nameRectangle } from "../words.ts";
import { axisNames, layerOf } from "./names.ts";
import { at, Frame, ImagePicture, indexAtSpot, MapPicture, spotOf } from "./picture.tsx";
import { Scale } from "./scale.tsx";
import { classesOf, jumpTo, limitOf, litTerm, type Opened, sight, slideTo } from "./sight.ts";
import { isSliding } from "./sliding.ts";
import { type LayerShapes, moved, stepFrom } from "./steps.ts";

/** The layers that one can walk to. */
export function layerShapes(): LayerShapes {
  const here = sight.value;
  if (!here) return [];
  const keys = [INPUT, ...here.net.calls.map(({ output }) => output)];
  return keys.map((key) => ({ name: layerOf(key), shape: here.shapes(key).slice(1) }));
}

export function Header({ opened }: { opened: Opened }) {
  const { unit, shape, value } = opened;
  const names = axisNames(unit.index.length);
  const classes = classesOf(unit.layer);
  return (
    <header class="unit-head">
      <nav aria-label="Where this unit is">
        <button type="button" class="quiet-button" onClick={closeUnit}>
          ← {state.summary.value?.title ?? "Network"}
        </button>
        <LayerSteps opened={opened} />
      </nav>
      <h1>
        <span class="layer">{unit.layer}</span>
        {unit.index.map((place, axis) => (
          <span key={names[axis]} class="stepper">
            <StepButton opened={opened} axis={axis} by={-1} />
            <span class="axis">
              {names[axis]} <b>{place}</b>
              {classes.length > 0 && <> · class {classes[place]}</>}
            </span>
            <StepButton opened={opened} axis={axis} by={1} />
            <span class="of">of {shape[axis + 1]}</span>
          </span>
        ))}
      </h1>
      <p class="value">
        <span class="sign">=</span> <span class="number">{exact(value)}</span>
      </p>
    </header>
  );
}

function StepButton({ opened, axis, by }: { opened: Opened; axis: number; by: number }) {
  const next = moved(opened.unit, opened.shape.slice(1), { axis, by });
  const name = axisNames(opened.unit.index.length)[axis];
  return (
    <button
      type="button"
      class="step"
      aria-label={`${by < 0 ? "previous" : "next"} ${name}`}
      disabled={next === opened.unit}
      onClick={() => slideTo(next)}
    >
      {by < 0 ? "‹" : "›"}
    </button>
  );
}

/** To the layer before and after. */
function LayerSteps({ opened }: { opened: Opened }) {
  const layers = layerShapes();
  const before = stepFrom(opened.unit, "layer before", layers);
  const after = stepFrom(opened.unit, "layer after", layers);
  return (
    <span class="layer-steps">
      <button
        type="button"
        class="quiet-button"
        disabled={before === opened.unit}
        onClick={() => jumpTo(before)}
      >
        ‹ {before === opened.unit ? "no layer before" : before.layer}
      </button>
      <button
        type="button"
        class="quiet-button"
        disabled={after === opened.unit}
        onClick={() => jumpTo(after)}
      >
        {after === opened.unit ? "no layer after" : after.layer} ›
      </button>
    </span>
  );
}

/** The image that the net was shown, with the pixels that the unit sees framed. */
export function FieldFigure({ opened }: { opened: Opened }) {
  const { sight: here, key, index, unit } = opened;
  const field = useMemo(
    () => receptiveField(here.net.calls, { key, index }, here.shapes, here.numbers.weights),
    [here.net.calls, here.shapes, key, unit],
  );
  const { image } = here.trace;
  const lit = useComputed(() => litPixel(opened));
  return (
    <figure>
      <figcaption>
        <b>Image</b> {field ? seen(field, image.shape) : unseen(opened)}
      </figcaption>
      <ImagePicture
        image={image}
        label={`The image; the unit sees ${field ? nameRectangle(field) : "an unknown part"}`}
      >
        {field && <Frame area={field} kind="field" />}
        {lit.value && <Frame area={lit.value} kind="term" />}
      </ImagePicture>
    </figure>
  );
}

/** What of the image a unit sees, in two short lines. */
function seen({ rows, columns }: Rectangle, [, height, width]: readonly number[]): string {
  const size = [rows[1] - rows[0], columns[1] - columns[0]];
  if (size[0] === height && size[1] === width) return "it sees all of it";
  if (size.every((length) => length === 1)) return `it sees row ${rows[0]}, column ${columns[0]}`;
  return `${size.join(" × ")} seen: rows ${rows[0]}–${rows[1] - 1}, columns ${columns[0]}–${columns[1] - 1}`;
}

/** Why a unit sees no pixel. */
function unseen({ explanation }: Opened): string {
  return explanation?.terms.length === 0 ? "it sees nothing of it" : "what it sees of it is not known";
}

/** The pixels that the lit term sees. */
function litPixel({ sight: here, explanation }: Opened) {
  const term = litTerm.value === null ? undefined : explanation?.terms[litTerm.value];
  if (!term?.key.startsWith("activation/")) return null;
  return receptiveField(
    here.net.calls,
    { key: term.key, index: term.index },
    here.shapes,
    here.numbers.weights,
  );
}

/** The map that the unit belongs to. Pressed, or drawn over, it opens the unit there: a hand takes over from the sliding. */
export function OwnMapFigure({ opened }: { opened: Opened }) {
  const { sight: here, unit, key, index, shape } = opened;
  const channel = unit.index.length > 1 ? unit.index[0] : 0;
  const name = unit.index.length > 1 ? `${unit.layer}, channel ${channel}` : unit.layer;
  return (
    <figure>
      <figcaption>
        <b>{name}</b> {shape.slice(unit.index.length > 1 ? 2 : 1).join(" × ")}{" "}
        <Scale limit={limitOf.value(key, channel)} of={name} />
      </figcaption>
      <MapPicture
        sight={here}
        name={key}
        channel={channel}
        label={`${name}; the unit is framed. Press to open another.`}
        onPick={(spot) => {
          const picked = indexAtSpot(spot, channel, shape)?.slice(1);
          if (picked && picked.join() !== unit.index.join()) slideTo({ layer: unit.layer, index: picked });
        }}
      >
        <Frame area={at(spotOf(index, shape))} kind="unit" />
      </MapPicture>
      <SlideButton isVector={unit.index.length === 1} />
    </figure>
  );
}

function SlideButton({ isVector }: { isVector: boolean }) {
  return (
    <button
      type="button"
      class="slide"
      aria-pressed={isSliding.value}
      onClick={() => {
        isSliding.value = !isSliding.peek();
      }}
    >
      {isSliding.value ? "❚❚ Stop" : isVector ? "▶ Walk the units" : "▶ Slide the window"}
    </button>
  );
}
