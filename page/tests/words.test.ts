import assert from "node:assert/strict";
import test from "node:test";
import { namePreprocessing, nameRectangle, nameUnit, percent, readable, twoDecimals } from "../src/words.ts";

test("a negative number has a minus sign, not a hyphen, also in its exponent", () => {
  assert.equal(readable(-0.5), "−0.5");
  assert.equal(readable(-1.5e-9), "−1.5e−9");
  assert.equal(twoDecimals(-14.42), "−14.42");
});

test("what is rounded to zero has no sign", () => {
  assert.equal(twoDecimals(-0.001), "0.00");
  assert.equal(readable(-0), "0");
});

test("a probability that is not quite one or zero is not called so", () => {
  assert.equal(percent(1), "100 %");
  assert.equal(percent(0.99996), "> 99.9 %");
  assert.equal(percent(0.00001), "< 0.1 %");
  assert.equal(percent(0), "0 %");
  assert.equal(percent(0.973), "97.3 %");
});

test("a unit is named as the field does: channel, row, column", () => {
  assert.equal(nameUnit({ layer: "conv2", index: [3, 5, 7] }), "conv2, channel 3, row 5, column 7");
  assert.equal(nameUnit({ layer: "fc1", index: [17] }), "fc1, unit 17");
});

test("a receptive field is named by its first and last rows and columns", () => {
  assert.equal(
    nameRectangle({ rows: [10, 24], columns: [14, 28] }),
    "rows 10–23, columns 14–27 (14 × 14 pixels)",
  );
  assert.equal(nameRectangle({ rows: [3, 4], columns: [4, 5] }), "row 3, column 4 (1 pixel)");
});

test("MNIST's preprocessing in words", () => {
  const steps = namePreprocessing({
    channels: 1,
    size: [28, 28],
    padding: 2,
    mean: [0.1307],
    deviation: [0.3081],
  });
  assert.deepEqual(steps, [
    "Grey, 28 × 28 pixels.",
    "2 black pixels on every side: 32 × 32.",
    "Each pixel p becomes (p / 255 − 0.1307) / 0.3081.",
  ]);
});

test("preprocessing that changes nothing says only what it does", () => {
  const steps = namePreprocessing({
    channels: 3,
    size: [8, 8],
    padding: 0,
    mean: [0, 0, 0],
    deviation: [1, 1, 1],
  });
  assert.deepEqual(steps, ["Red, green, blue, 8 × 8 pixels.", "Each pixel p becomes p / 255."]);
});

test("a photo is scaled by its shorter side, then its middle is cut out", () => {
  const photo = {
    channels: 3,
    size: [224, 224],
    padding: 0,
    mean: [0.485, 0.456, 0.406],
    deviation: [0.229, 0.224, 0.225],
    resize: 256,
  } as const;
  assert.equal(
    namePreprocessing(photo)[0],
    "Red, green, blue, shorter side to 256, middle 224 × 224 pixels.",
  );
  assert.equal(
    namePreprocessing({ ...photo, resize: 235, interpolation: "bicubic" })[0],
    "Red, green, blue, shorter side to 235 (bicubic), middle 224 × 224 pixels.",
  );
  assert.equal(namePreprocessing({ ...photo, resize: null })[0], "Red, green, blue, 224 × 224 pixels.");
});
