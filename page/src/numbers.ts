// Decimals that add up as printed. A term is rounded once, to a whole number of units in the last decimal; every sum of
// terms is the exact sum of those whole numbers. ARCHITECTURE.md, "Digits that add up as printed".

export const MINUS = "\u2212";

const FEWEST_DECIMALS = 4;
const MOST_DECIMALS = 20; // 10^22 is the largest power of ten that float64 holds exactly
const SAFE = 2 ** 53; // whole numbers below it are exact in float64

/** 10 to the power `decimals`, correctly rounded (`**` need not be). */
function power(decimals: number): number {
  return Number(`1e${decimals}`);
}

/**
 * How many decimals an explanation is printed with.
 *
 * @param rounded how many numbers are rounded on their own and then added.
 * @param sum.tolerance what the sum may differ by; 0 where the operator is exact.
 * @param sum.magnitude the sum of the numbers' magnitudes.
 * @returns the fewest, at least 4, with which all roundings together stay below a tenth of the tolerance. Where that is
 *   0: nine significant digits, which tell any two float32 numbers apart. Never so many that a sum stops being exact.
 */
export function countDecimals(rounded: number, sum: { tolerance: number; magnitude: number }): number {
  const { tolerance, magnitude } = sum;
  if (!(magnitude > 0)) return FEWEST_DECIMALS;
  let decimals = FEWEST_DECIMALS;
  if (tolerance > 0) {
    while (5 * (rounded + 1) > tolerance * power(decimals) && decimals < MOST_DECIMALS) decimals++;
  } else {
    decimals = Math.min(Math.max(FEWEST_DECIMALS, 8 - Math.floor(Math.log10(magnitude))), MOST_DECIMALS);
  }
  while (decimals > 0 && magnitude * power(decimals) >= SAFE) decimals--;
  return decimals;
}

/** A number as a whole count of units in its last decimal. */
export function rounded(value: number, decimals: number): number {
  return Math.floor(value * power(decimals) + 0.5) + 0; // + 0: no negative zero
}

/** Print a whole count of units in the last decimal. */
export function printed(units: number, decimals: number): string {
  if (!Number.isFinite(units)) return Number.isNaN(units) ? "NaN" : units > 0 ? "\u221e" : `${MINUS}\u221e`;
  const digits = String(Math.abs(units)).padStart(decimals + 1, "0");
  const sign = units < 0 ? MINUS : "";
  if (decimals === 0) return sign + digits;
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** Print a number with a count of decimals. */
export function decimal(value: number, decimals: number): string {
  return printed(rounded(value, decimals), decimals);
}

/** Print a bound with two digits, rounded up so that the printed bound is not below the true one, and at least `decimals`. */
export function bound(value: number, decimals: number): string {
  if (value === 0 || !Number.isFinite(value)) return decimal(value, decimals);
  const exponent = Math.floor(Math.log10(value)) - 1;
  const mantissa = Math.ceil(value / power(exponent));
  if (-exponent > MOST_DECIMALS) return significant(mantissa * power(exponent), 2);
  const shown = Math.max(decimals, -exponent, 0);
  return printed(mantissa * power(exponent + shown), shown);
}

/** A number in at most five characters, for a small cell; not meant to be added up. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return printed(value, 0);
  const size = Math.abs(value);
  if (size >= 9999.5) return value.toExponential(0).replace("e+", "e").replace("-", MINUS);
  const decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return decimal(value, decimals);
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A number to some significant digits, without trailing noughts; very large and very small ones as 1.5 × 10⁻⁸. */
function significant(value: number, digits: number): string {
  const [mantissa, exponent] = Number(value.toPrecision(digits)).toString().replaceAll("-", MINUS).split("e");
  if (exponent === undefined) return mantissa;
  const power = [...exponent].map((letter) =>
    letter === MINUS ? "⁻" : (SUPERSCRIPTS[Number(letter)] ?? ""),
  );
  return `${mantissa} × 10${power.join("")}`;
}

/** A float32 number to nine significant digits, which tell it from every other. */
export function exact(value: number): string {
  return significant(value, 9);
}

/** The same after a sign of operation: in brackets if it is negative. */
export function bracketed(value: number): string {
  return value < 0 ? `(${exact(value)})` : exact(value);
}

/** A number in a sentence: four significant digits. */
export function plain(value: number): string {
  return significant(value, 4);
}
