// A small picture of numbers or pixels: one canvas pixel a number, enlarged by CSS, with frames drawn over it.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { pack, type Ramp, step } from "../colour.ts";
import type { Rectangle } from "../forms.ts";
import { numbers } from "../forms.ts";
import { count } from "../indexing.ts";
import * as state from "../state.ts";
import type { Tensor } from "../types.ts";
import { limitOf, type Sight } from "./sight.ts";

export interface Spot {
  readonly row: number;
  readonly column: number;
}

interface PixelsProps {
  readonly rows: number;
  readonly columns: number;
  /** Packed colours, row-major; 0 is transparent. */
  readonly pixels: Uint32Array;
  readonly label: string;
  readonly onPoint?: (spot: Spot | null) => void;
  /** Pressed, or, as a drag, drawn over while pressed. */
  readonly onPick?: (spot: Spot, isDrag: boolean) => void;
  /** SVG, one unit a number. */
  readonly children?: ComponentChildren;
}

/** Numbers as coloured squares. */
export function Pixels({ rows, columns, pixels, label, onPoint, onPick, children }: PixelsProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const bytes = new Uint8ClampedArray(pixels.buffer as ArrayBuffer);
    canvas.current?.getContext("2d")?.putImageData(new ImageData(bytes, columns, rows), 0, 0);
  }, [pixels, rows, columns]);
  const spotOf = (event: PointerEvent): Spot => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const at = (part: number, size: number) => Math.max(0, Math.min(size - 1, Math.floor(part * size)));
    return {
      row: at((event.clientY - box.top) / box.height, rows),
      column: at((event.clientX - box.left) / box.width, columns),
    };
  };
  return (
    <div
      class={onPick ? "pixels pickable" : "pixels"}
      role="img"
      aria-label={label}
      style={{ aspectRatio: `${columns} / ${rows}` }}
      onPointerDown={(event) => {
        if (!onPick || event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        onPick(spotOf(event), false);
      }}
      onPointerMove={(event) => {
        const spot = spotOf(event);
        if (onPick && event.buttons & 1) onPick(spot, true);
        onPoint?.(spot);
      }}
      onPointerLeave={(event) => {
        if (event.pointerType !== "touch") onPoint?.(null);
      }}
    >
      <canvas ref={canvas} width={columns} height={rows} />
      <svg viewBox={`0 0 ${columns} ${rows}`} aria-hidden="true">
        {children}
      </svg>
    </div>
  );
}

/** A frame around some rows and columns, seen on every colour. */
export function Frame({ area, kind }: { area: Rectangle; kind: "field" | "unit" | "term" | "winner" }) {
  const box = {
    x: area.columns[0],
    y: area.rows[0],
    width: area.columns[1] - area.columns[0],
    height: area.rows[1] - area.rows[0],
  };
  return (
    <g class={`frame ${kind}`}>
      <rect class="halo" {...box} />
      <rect class="line" {...box} />
    </g>
  );
}

/** The frame of one number. */
export function at({ row, column }: Spot): Rectangle {
  return { rows: [row, row + 1], columns: [column, column + 1] };
}

/** Colour some numbers of a tensor. */
export function coloured(
  data: ArrayLike<number>,
  range: { readonly start: number; readonly length: number },
  limit: number,
  ramp: Ramp,
): Uint32Array {
  return Uint32Array.from(
    { length: range.length },
    (_, i) => ramp.packed[step(data[range.start + i], limit)],
  );
}

/** How many columns a list of numbers is folded into where it is drawn as a picture. */
export function columnsOf(length: number): number {
  return length <= 16 ? length : Math.ceil(Math.sqrt(length * 1.6));
}

/** Rows and columns of the picture of one map, or of a vector folded. */
export function sizeOf(shape: readonly number[]): { rows: number; columns: number } {
  if (shape.length >= 3) {
    const columns = shape[shape.length - 1];
    return { columns, rows: count(shape.slice(2)) / columns };
  }
  const columns = columnsOf(shape[1]);
  return { columns, rows: Math.ceil(shape[1] / columns) };
}

/** Where an index lies in the picture of its map. */
export function spotOf(index: readonly number[], shape: readonly number[]): Spot {
  const { columns } = sizeOf(shape);
  if (shape.length === 2) return { row: Math.floor(index[1] / columns), column: index[1] % columns };
  const row = index.slice(2, -1).reduce((rows, place, axis) => rows * shape[axis + 2] + place, 0);
  return { row, column: index[index.length - 1] };
}

/** The index that lies at a spot of the picture of a channel's map; null beyond a folded vector's end. */
export function indexAtSpot(spot: Spot, channel: number, shape: readonly number[]): number[] | null {
  const { columns } = sizeOf(shape);
  if (shape.length === 2) {
    const unit = spot.row * columns + spot.column;
    return unit < shape[1] ? [0, unit] : null;
  }
  let rest = spot.row;
  const middle: number[] = [];
  for (let axis = shape.length - 2; axis >= 2; axis--) {
    middle.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return [0, channel, ...middle, spot.column];
}

type MapProps = Pick<PixelsProps, "label" | "onPoint" | "onPick" | "children"> & {
  readonly sight: Sight;
  readonly name: string;
  readonly channel: number;
};

/** One map of an activation (or a whole vector), in the colours of the chosen scope. */
export function MapPicture({ sight, name, channel, ...rest }: MapProps) {
  const { shape } = sight.trace.activations.get(name) as Tensor;
  const data = numbers(sight.trace.activations, name);
  const { rows, columns } = sizeOf(shape);
  const range =
    shape.length > 2
      ? { start: channel * rows * columns, length: rows * columns }
      : { start: 0, length: shape[1] };
  const pixels = new Uint32Array(rows * columns);
  pixels.set(coloured(data, range, limitOf.value(name, channel), state.ramp.value));
  return <Pixels rows={rows} columns={columns} pixels={pixels} {...rest} />;
}

/** The image as the reader knows it: grey or colour, before normalisation. */
export function ImagePicture({
  image,
  ...rest
}: { image: Tensor } & Pick<PixelsProps, "label" | "children">) {
  const [channels, rows, columns] = image.shape;
  const data = image.data as Uint8Array;
  const area = rows * columns;
  const pixels = Uint32Array.from({ length: area }, (_, i) => {
    const part = (channel: number) => data[(channels >= 3 ? channel : 0) * area + i];
    return pack(part(0), part(1), part(2));
  });
  return <Pixels rows={rows} columns={columns} pixels={pixels} {...rest} />;
}
