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
  const tall = name === "relu" ? reach : 1.25;
  const x = (at: number) => (SIDE / 2) * (1 + at / reach);
  const y = (at: number) => (SIDE / 2) * (1 - at / tall);
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
        viewBox={`0 0 ${SIDE} ${SIDE}`}
        role="img"
        aria-label={`${title} of ${short(value)} is ${short(result)}`}
      >
        <line class="axis" x1={0} x2={SIDE} y1={SIDE / 2} y2={SIDE / 2} />
        <line class="axis" y1={0} y2={SIDE} x1={SIDE / 2} x2={SIDE / 2} />
        <polyline class="function" points={points.join(" ")} />
        <polyline
          class="drop"
          points={`${x(value)},${SIDE / 2} ${x(value)},${y(result)} ${SIDE / 2},${y(result)}`}
        />
        <circle class="point" cx={x(value)} cy={y(result)} r={4} />
      </svg>
    </figure>
  );
}
