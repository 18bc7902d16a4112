// Units, values and preprocessing in words.

import type { Rectangle } from "./forms.ts";
import type { Lit } from "./lit.ts";
import type { Preprocessing, Unit } from "./types.ts";

/** A number with `digits` significant digits, and a minus sign that is one. */
export function readable(value: number, digits = 6): string {
  if (value === 0) return "0";
  return Number(value.toPrecision(digits)).toString().replaceAll("-", "−");
}

/** A number with two decimals, for columns of digits; what rounds to zero has no sign. */
export function twoDecimals(value: number): string {
  const text = value.toFixed(2);
  return Number(text) === 0 ? "0.00" : text.replace("-", "−");
}

/** A share of 1 in percent, to a tenth; what only rounds to all or nothing is not called so. */
export function percent(share: number): string {
  if (share === 0 || share === 1) return `${100 * share} %`;
  if (share < 0.0005) return "< 0.1 %";
  if (share > 0.9995) return "> 99.9 %";
  return `${(100 * share).toFixed(1)} %`;
}

const AXES: Readonly<Record<number, readonly string[]>> = {
  0: [],
  1: ["unit"],
  2: ["row", "column"],
  3: ["channel", "row", "column"],
};

/** "conv2, channel 3, row 5, column 7" */
export function nameUnit(unit: Unit): string {
  const axes = AXES[unit.index.length];
  if (!axes) return `${unit.layer}, index ${unit.index.join(", ")}`;
  return [unit.layer, ...unit.index.map((at, axis) => `${axes[axis]} ${at}`)].join(", ");
}

/** "rows 8–19", "row 8" */
function span(name: string, [first, end]: readonly [number, number]): string {
  return end - first === 1 ? `${name} ${first}` : `${name}s ${first}–${end - 1}`;
}

/** "rows 8–19, columns 12–23 (12 × 12 pixels)" */
export function nameRectangle({ rows, columns }: Rectangle): string {
  const [height, width] = [rows[1] - rows[0], columns[1] - columns[0]];
  const size = height * width === 1 ? "1 pixel" : `${height} × ${width} pixels`;
  return `${span("row", rows)}, ${span("column", columns)} (${size})`;
}

/** "reads 150 units of pool1" */
export function nameReads(lit: Lit): string {
  const parts = [...lit.direct].map(
    ([key, { size }]) => `${size} ${size === 1 ? "unit" : "units"} of ${key.replace("activation/", "")}`,
  );
  return parts.length ? `reads ${parts.join(" and ")}` : "reads nothing before it";
}

/** What is done to an image before the net reads it, a sentence a step. */
export function namePreprocessing(preprocessing: Preprocessing): string[] {
  const { channels, size, padding, mean, deviation, resize, interpolation } = preprocessing;
  const [rows, columns] = size;
  const colours = channels === 1 ? "Grey" : "Red, green, blue";
  const how = interpolation === "bicubic" ? " (bicubic)" : "";
  const steps = resize
    ? [`${colours}, shorter side to ${resize}${how}, middle ${rows} × ${columns} pixels.`]
    : [`${colours}, ${rows} × ${columns} pixels${how}.`];
  if (padding) {
    steps.push(`${padding} black pixels on every side: ${rows + 2 * padding} × ${columns + 2 * padding}.`);
  }
  const each = (numbers: readonly number[]) => {
    const texts = numbers.map((number) => readable(number, 4));
    return new Set(texts).size === 1 ? texts[0] : `(${texts.join(", ")})`;
  };
  if (mean.some((part) => part !== 0) || deviation.some((part) => part !== 1)) {
    steps.push(`Each pixel p becomes (p / 255 − ${each(mean)}) / ${each(deviation)}.`);
  } else {
    steps.push("Each pixel p becomes p / 255.");
  }
  return steps;
}
