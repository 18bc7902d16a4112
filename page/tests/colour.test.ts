import assert from "node:assert/strict";
import test from "node:test";
import { cssColour, inkOn, luminance, RAMPS, STEPS, step, type Theme } from "../src/colour.ts";

const THEMES: readonly Theme[] = ["light", "dark"];

/** OKLab lightness of a colour as a screen shows it (Ottosson, 2020), computed from the bytes. */
function lightness(rgb: readonly number[]): number {
  const [r, g, b] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s;
}

/** What a person without one kind of cones sees (Machado, Oliveira and Fernandes, 2009, severity 1). */
const DEFICIENCIES = {
  protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};

function seenWith(matrix: readonly number[], rgb: readonly number[]): number[] {
  return [0, 3, 6].map((row) => matrix[row] * rgb[0] + matrix[row + 1] * rgb[1] + matrix[row + 2] * rgb[2]);
}

for (const theme of THEMES) {
  const { rgb } = RAMPS[theme];

  test(`the ${theme} scale grows steadily away from zero in lightness, on both sides alike`, () => {
    const away = (at: number) => Math.abs(lightness(rgb[STEPS + at]) - lightness(rgb[STEPS]));
    for (let at = 8; at <= STEPS; at += 8) {
      assert.ok(away(at) > away(at - 8) && away(-at) > away(-at + 8), `at ${at}`);
      assert.ok(Math.abs(away(at) - away(-at)) < 0.015, `sides differ at ${at}`);
    }
  });

  for (const [name, matrix] of Object.entries(DEFICIENCIES)) {
    test(`the two ends of the ${theme} scale differ for people with ${name}`, () => {
      const [low, high] = [rgb[0], rgb[2 * STEPS]].map((colour) => seenWith(matrix, colour));
      const apart = Math.hypot(...low.map((part, i) => part - high[i]));
      assert.ok(apart > 80, `${apart.toFixed(0)} of 441 apart`);
    });
  }

  test(`ink on any colour of the ${theme} scale has a contrast of 4.5 or more`, () => {
    for (let at = -STEPS; at <= STEPS; at++) {
      const ground = luminance(rgb[STEPS + at]);
      const ink = inkOn(at, STEPS, RAMPS[theme]) === "black" ? 0 : 1;
      const contrast = (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05);
      assert.ok(contrast >= 4.5, `${contrast.toFixed(2)} at ${at}`);
    }
  });
}

test("zero has the middle colour, the limit the last, and what is beyond stays there", () => {
  assert.equal(step(0, 2), STEPS);
  assert.equal(step(2, 2), 2 * STEPS);
  assert.equal(step(-2, 2), 0);
  assert.equal(step(-9, 2), 0);
});

test("a layer of zeros is drawn in the colour of zero", () => {
  assert.equal(step(0, 0), STEPS);
  assert.equal(cssColour(0, 0, RAMPS.light), cssColour(0, 1, RAMPS.light));
});

test("packed colours are what ImageData shows", () => {
  for (const at of [0, STEPS, 2 * STEPS]) {
    const bytes = new Uint8Array(Uint32Array.of(RAMPS.light.packed[at]).buffer);
    assert.deepEqual([...bytes], [...RAMPS.light.rgb[at], 255]);
  }
});
