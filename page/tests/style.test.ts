import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { luminance } from "../src/colour.ts";

const CSS = readFileSync(join(import.meta.dirname, "../src/style.css"), "utf8");

/** A colour of style.css in light and in dark. */
function pair(name: string): number[][] {
  const [, ...hex] =
    CSS.match(new RegExp(`--${name}: light-dark\\((#\\w+), (#\\w+)\\)`)) ?? assert.fail(name);
  return hex.map((text) => {
    const digits = text.length === 4 ? text.replace(/\w/g, "$&$&") : text;
    return [1, 3, 5].map((at) => Number.parseInt(digits.slice(at, at + 2), 16));
  });
}

/** The contrast of two colours (WCAG 2.2, 1.4.3). */
function contrast(a: readonly number[], b: readonly number[]): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

for (const [theme, name] of ["light", "dark"].entries()) {
  for (const ground of ["paper", "card"]) {
    for (const text of ["ink", "muted", "good", "bad", "positive", "negative"]) {
      test(`${text} on ${ground} has WCAG AA contrast, 4.5, in ${name}`, () => {
        const found = contrast(pair(text)[theme], pair(ground)[theme]);
        assert.ok(found >= 4.5, found.toFixed(2));
      });
    }
    for (const edge of ["control", "frame", "bar"]) {
      test(`${edge} on ${ground} has the contrast of a graphic, 3, in ${name}`, () => {
        const found = contrast(pair(edge)[theme], pair(ground)[theme]);
        assert.ok(found >= 3, found.toFixed(2));
      });
    }
  }
}
