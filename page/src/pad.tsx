// The pad: what the net is shown is drawn here, chosen among the samples, or dropped in as a photo.

import { useEffect, useRef } from "preact/hooks";
import { PAD } from "./ink.ts";
import { drawPad } from "./pad_drawing.ts";
import { findPaper, type Picture } from "./picture.ts";
import {
  clear,
  currentInk,
  isErasing,
  leadOn,
  nextSample,
  past,
  putDown,
  show,
  showInk,
  showPhoto,
  undo,
} from "./showing.ts";
import * as state from "./state.ts";
import type { Tensor } from "./types.ts";
import { namePreprocessing, percent } from "./words.ts";

export function Pad() {
  const summary = state.summary.value;
  const picture = state.picture.value;
  const canDraw = summary?.accepts_images ?? true;
  return (
    <section class="pad" aria-label="Input">
      <Surface />
      <Answer />
      {canDraw ? <Tools /> : <p class="note">A recorded trace holds the numbers of this one image.</p>}
      {picture.kind === "ink" && canDraw && <Pen />}
      {picture.kind === "pixels" && (
        <label class="check">
          <input
            type="checkbox"
            checked={picture.inverted}
            onChange={() => show({ ...picture, inverted: !picture.inverted })}
          />
          Dark ink on light paper
        </label>
      )}
      <details class="preprocessing" open={matchMedia("(min-width: 761px)").matches}>
        <summary>What the network reads</summary>
        <ol>
          {picture.kind === "ink" && picture.ink.centred && (
            <li>Strokes scaled to a box of 20 × 20 and centred by mass in 28 × 28, as MNIST's digits are.</li>
          )}
          {picture.kind === "pixels" && picture.inverted && <Inversion pixels={picture.pixels} />}
          {summary && namePreprocessing(summary.preprocessing).map((step) => <li key={step}>{step}</li>)}
        </ol>
      </details>
    </section>
  );
}

function Inversion({ pixels }: { readonly pixels: Tensor }) {
  const { paper, ink } = findPaper(pixels);
  return (
    <li>
      Inverted: paper ({paper}) to black, the darkest ink ({ink}) to white.
    </li>
  );
}

/** Where the pen goes. */
function Surface() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const isDown = useRef(false);

  const place = (event: PointerEvent): [number, number] => {
    const { left, top, width, height } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return [((event.clientY - top) / height) * PAD, ((event.clientX - left) / width) * PAD];
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0 || !state.summary.peek()?.accepts_images) return;
    event.preventDefault();
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    isDown.current = true;
    putDown(...place(event), event.timeStamp);
  };
  const move = (event: PointerEvent) => {
    if (isDown.current) leadOn(...place(event), event.timeStamp);
  };
  const up = () => {
    isDown.current = false;
  };

  useEffect(() => {
    const { current: surface } = canvas;
    if (!surface) return;
    // Moves come with the next frame, raw updates at once: up to 16 ms sooner, where the browser has them.
    const moves = "onpointerrawupdate" in surface ? "pointerrawupdate" : "pointermove";
    surface.addEventListener(moves as "pointermove", move);
    const end = drawPad(surface);
    return () => {
      surface.removeEventListener(moves as "pointermove", move);
      end();
    };
  }, []);

  return (
    <canvas
      class={isErasing.value ? "surface erasing" : "surface"}
      ref={canvas}
      role="img"
      aria-label={describe(state.picture.value)}
      onPointerDown={down}
      onPointerUp={up}
      onPointerCancel={up}
    />
  );
}

function describe(picture: Picture): string {
  switch (picture.kind) {
    case "ink":
      return picture.ink.strokes.length
        ? `Drawing of ${picture.ink.strokes.length} strokes`
        : "Empty drawing pad";
    case "sample":
      return `Sample ${picture.index}`;
    case "pixels":
      return "Photo";
  }
}

/** What the net says, and for a sample what is true. */
function Answer() {
  const answer = state.answer.value;
  const picture = state.picture.value;
  const label = state.trace.value?.label ?? null;
  const truth = label === null ? null : (state.summary.value?.classes[label] ?? null);
  if (picture.kind === "ink" && picture.ink.strokes.length === 0) {
    return <p class="answer empty">Draw here, and watch.</p>;
  }
  if (!answer) return <p class="answer"> </p>;
  return (
    <p class="answer">
      <strong>{answer.name}</strong>
      <span>
        {answer.probability !== null && percent(answer.probability)}
        {picture.kind === "sample" && truth !== null && (
          <small class={truth === answer.name ? "right" : "wrong"}>
            {truth === answer.name ? "✓ right" : `✗ it is ${truth}`}, sample {picture.index}
          </small>
        )}
      </span>
    </p>
  );
}

function Tools() {
  const choose = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    const file = input.files?.[0];
    if (file) void showPhoto(file);
    input.value = ""; // the same file can be chosen again
  };
  return (
    <div class="tools">
      <button type="button" onClick={clear}>
        Clear
      </button>
      <button type="button" onClick={undo} disabled={past.value.length === 0}>
        Undo
      </button>
      <button
        type="button"
        aria-pressed={isErasing.value}
        onClick={() => {
          isErasing.value = !isErasing.peek();
        }}
      >
        Eraser
      </button>
      {(state.summary.value?.samples ?? 0) > 0 && (
        <button type="button" onClick={nextSample}>
          Next sample
        </button>
      )}
      <label class="button">
        Photo …
        <input type="file" accept="image/*" onChange={choose} />
      </label>
    </div>
  );
}

function Pen() {
  const now = currentInk();
  return (
    <div class="pen">
      <label>
        Pen
        <input
          type="range"
          min="1"
          max="5"
          step="0.25"
          value={now.width}
          onInput={(event) => showInk({ ...currentInk(), width: Number(event.currentTarget.value) })}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={now.centred}
          onChange={() => showInk({ ...currentInk(), centred: !currentInk().centred })}
        />
        Centre as MNIST does
      </label>
    </div>
  );
}
