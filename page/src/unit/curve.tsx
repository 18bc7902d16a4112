// A function of one number, drawn with the number on it.

import { FUNCTIONS } from "../functions.ts";
import { short } from "../numbers.ts";
import type { Pointwise } from "../types.ts";

const SIDE = 160; // of the drawing, in its own units
const POINTS = 64;

interface Props {
  readonly form: Pointwise & { readonly function: keyof typeof FUNCTIONS };
  /** What it reads; where these are two, the second is held. */
  readonly values: readonly number[];
  readonly result: number;
}

export function Curve({ form, values: [value, ...held], result }: Props) {
  const { of, title } = FUNCTIONS[form.function];
  const reach = Math.max(1, Math.abs(value)) * 1.25;
  const drawn = Array.from({ length: POINTS + 1 }, (_, i) => {
    const at = reach * ((2 * i) / POINTS - 1);
    return { at, becomes: of([at, ...held], form) };
  }).filter(({ becomes }) => Number.isFinite(becomes));
  const top = 1.15 * Math.max(0.1, ...drawn.map(({ becomes }) => becomes));
  const bottom = 1.15 * Math.min(-0.2 * top, ...drawn.map(({ becomes }) => becomes));
  const height = (SIDE / 2) * (bottom < -0.5 * top ? 1.2 : 1);
  const x = (at: number) => (SIDE / 2) * (1 + at / reach);
  const y = (at: number) => (height * (top - at)) / (top - bottom);
  const points = drawn.map(({ at, becomes }) => `${x(at)},${y(becomes)}`);
  return (
    <figure class="curve">
      <figcaption>
        {title}({short(value)}) = {short(result)}
      </figcaption>
      <svg
        viewBox={`0 0 ${SIDE} ${height}`}
        role="img"
        aria-label={`${title} of ${short(value)} is ${short(result)}`}
      >
        <line class="axis" x1={0} x2={SIDE} y1={y(0)} y2={y(0)} />
        <line class="axis" y1={0} y2={height} x1={SIDE / 2} x2={SIDE / 2} />
        <polyline class="function" points={points.join(" ")} />
        <polyline
          class="drop"
          points={`${x(value)},${y(0)} ${x(value)},${y(result)} ${SIDE / 2},${y(result)}`}
        />
        <circle class="point" cx={x(value)} cy={y(result)} r={4} />
      </svg>
    </figure>
  );
}
