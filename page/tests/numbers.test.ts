import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bound,
  bracketed,
  countDecimals,
  decimal,
  exact,
  plain,
  printed,
  rounded,
  short,
} from "../src/numbers.ts";
import { random } from "./random.ts";

/** Read a printed decimal back, exactly: its digits as one whole number. */
function unitsOf(text: string): bigint {
  assert.match(text, /^\u2212?\d+(\.\d+)?$/);
  return BigInt(text.replace("\u2212", "-").replace(".", ""));
}

test("a number is rounded to the nearest decimal, halves upwards", () => {
  assert.equal(decimal(0.12345, 4), "0.1235");
  assert.equal(decimal(-2.5, 0), "\u22122");
  assert.equal(decimal(-0.00004, 4), "0.0000");
  assert.equal(decimal(-12.3456, 2), "\u221212.35");
  assert.equal(printed(-7, 4), "\u22120.0007");
});

test("rounding all terms of a sum uses up at most a tenth of its tolerance, and one decimal fewer would not do", () => {
  const next = random(1);
  let cases = 0;
  for (let i = 0; i < 2000; i++) {
    const terms = 1 + Math.floor(next() * 2000);
    const magnitude = 10 ** (next() * 8 - 4);
    const tolerance = (terms + 1) * 2 ** -24 * magnitude;
    const decimals = countDecimals(terms, { tolerance, magnitude });
    const spent = (count: number) => (terms + 1) * 0.5 * 10 ** -count;
    assert.ok(spent(decimals) <= (tolerance / 10) * (1 + 1e-12));
    assert.ok(decimals === 4 || spent(decimals - 1) > tolerance / 10);
    cases++;
  }
  assert.equal(cases, 2000);
});

test("printed terms add up to the printed total, digit by digit", () => {
  const next = random(2);
  for (let i = 0; i < 3000; i++) {
    const size = 10 ** (next() * 6 - 3);
    const terms = Array.from({ length: 1 + Math.floor(next() * 60) }, () => (next() - 0.5) * size);
    const magnitude = terms.reduce((sum, term) => sum + Math.abs(term), 0);
    const tolerance = (terms.length + 1) * 2 ** -24 * magnitude;
    const decimals = countDecimals(terms.length, { tolerance, magnitude });
    const units = terms.map((term) => rounded(term, decimals));
    const total = units.reduce((sum, unit) => sum + unit, 0);
    const added = units.map((unit) => unitsOf(printed(unit, decimals))).reduce((sum, unit) => sum + unit, 0n);
    assert.equal(unitsOf(printed(total, decimals)), added);
    const exact = terms.reduce((sum, term) => sum + term, 0);
    assert.ok(Math.abs(total / 10 ** decimals - exact) <= tolerance / 10);
  }
});

test("numbers too large for exact sums get fewer decimals", () => {
  const magnitude = 2 ** 51;
  const decimals = countDecimals(3, { tolerance: 1, magnitude });
  assert.equal(decimals, 0);
});

test("two neighbouring float32 numbers are printed differently", () => {
  const next = random(3);
  const pair = new Float32Array(1);
  const bits = new Int32Array(pair.buffer);
  for (let i = 0; i < 2000; i++) {
    pair[0] = 10 ** (next() * 8 - 3);
    const value = pair[0];
    bits[0] += 1;
    const decimals = countDecimals(1, { tolerance: 0, magnitude: pair[0] });
    assert.notEqual(decimal(value, decimals), decimal(pair[0], decimals));
  }
});

test("a sum of nothing but zeros gets the fewest decimals", () => {
  assert.equal(countDecimals(25, { tolerance: 25 * 2 ** -126, magnitude: 0 }), 4);
});

test("a bound is printed with two digits and never below itself", () => {
  for (const [value, decimals, text] of [
    [1.231e-6, 4, "0.0000013"],
    [1.231e-6, 9, "0.000001300"],
    [9.99e-6, 4, "0.0000100"],
    [0, 4, "0.0000"],
    [1234, 2, "1300.00"],
    [1.231e-30, 4, "1.3 × 10⁻³⁰"],
  ] as const) {
    assert.equal(bound(value, decimals), text);
  }
});

test("what is no number says so", () => {
  assert.equal(decimal(Number.NaN, 4), "NaN");
  assert.equal(decimal(Number.NEGATIVE_INFINITY, 4), "\u2212\u221e");
  assert.equal(short(Number.POSITIVE_INFINITY), "\u221e");
});

test("a small cell holds at most five characters below a thousand", () => {
  for (const [value, text] of [
    [0.126, "0.13"],
    [-9.994, "\u22129.99"],
    [-9.996, "\u221210.0"],
    [123.4, "123"],
    [-99.96, "\u2212100"],
    [12345, "1e4"],
  ] as const) {
    assert.equal(short(value), text);
  }
});

test("a number in a sentence keeps four significant digits", () => {
  assert.equal(plain(0.000123456), "0.0001235");
  assert.equal(plain(-3.00001), "\u22123");
});

test("nine significant digits are printed as they stand, or with a power of ten", () => {
  assert.equal(exact(0.1), "0.1");
  assert.equal(exact(Math.fround(0.1)), "0.100000001");
  assert.equal(exact(-2.36175772e-8), "\u22122.36175772 × 10⁻⁸");
  assert.equal(exact(1.5e21), "1.5 × 10²¹");
  assert.equal(bracketed(-0.5), "(\u22120.5)");
});
