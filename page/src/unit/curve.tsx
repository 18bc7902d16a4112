// A function of one number, drawn with the number on it.

import { short } from "../numbers.ts";

const FUNCTIONS = {
  relu: { name: "ReLU", of: (x: number) => Math.max(0, x) },
  tanh: { name: "tanh", of: Math.tanh },
  sigmoid: { name: "sigmoid", of: (x: number) => 1 / (1 + Math.exp(-x)) },
} as const;

const SIDE = 160; // of the drawing, in its own units
const POINTS = 64;

interface Props {
  readonly function: keyof typeof FUNCTIONS;
  readonly value: number;
  readonly result: number;
}

export function Curve({ function: name, value, result }: Props) {
  const { of, name: title } = FUNCTIONS[name];
  const reach = Math.max(1, Math.abs(value)) * 1.25;
  const top = name === "relu" ? reach : 1.25;
  const bottom = name === "tanh" ? -top : -0.25 * top;
  const x = (at: number) => (SIDE / 2) * (1 + at / reach);
  const height = (SIDE / 2) * (name === "tanh" ? 1.2 : 1);
  const y = (at: number) => (height * (top - at)) / (top - bottom);
  const points = Array.from({ length: POINTS + 1 }, (_, i) => {
    const at = reach * ((2 * i) / POINTS - 1);
    return `${x(at)},${y(of(at))}`;
  });
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
