// Decimals that add up as printed. A term is rounded once, to a whole number of units in the last decimal; every sum of
// terms is the exact sum of those whole numbers. ARCHITECTURE.md, "Digits that add up as printed".

export const MINUS = "\u2212";

const LEAST_DECIMALS = 4;
const MOST_DECIMALS = 20;

/** Digits that tell any two float32 numbers apart. */
const SIGNIFICANT_DIGITS = 9;

/** 10 to the power `decimals`, correctly rounded (`**` need not be). */
function power(decimals: number): number {
  return Number(`1e${decimals}`);
}

/** The most decimals with which a number of this magnitude is still a safe integer of last places. */
function mostDecimals(magnitude: number): number {
  for (let decimals = MOST_DECIMALS; decimals > 0; decimals--) {
    if (magnitude * power(decimals) < Number.MAX_SAFE_INTEGER) return decimals;
  }
  return 0;
}

/**
 * How many decimals a sum is printed with: the fewest with which rounding every term uses up no more than a tenth of
 * the tolerance.
 *
 * @param sum.terms how many numbers are rounded and added.
 * @param sum.tolerance how far the printed total may lie from the recorded value.
 * @param sum.magnitude the sum of the terms' magnitudes: what is added must stay a safe integer.
 */
export function decimalsOfSum(sum: { terms: number; tolerance: number; magnitude: number }): number {
  const most = mostDecimals(sum.magnitude);
  let decimals = Math.min(LEAST_DECIMALS, most);
  while (decimals < most && sum.tolerance > 0 && (sum.terms + 1) * 0.5 > (sum.tolerance / 10) * power(decimals)) {
    decimals++;
  }
  return decimals;
}

/** How many decimals tell float32 numbers apart, the largest of which has this magnitude. */
export function decimalsOfValues(magnitude: number): number {
  const leading = magnitude > 0 ? Math.floor(Math.log10(magnitude)) + 1 : 0;
  const most = Math.min(mostDecimals(magnitude), MOST_DECIMALS);
  return Math.min(Math.max(SIGNIFICANT_DIGITS - leading, LEAST_DECIMALS), most);
}

/** A number as a whole count of units in its last decimal. */
export function rounded(value: number, decimals: number): number {
  return Math.floor(value * power(decimals) + 0.5) + 0; // + 0: no negative zero
}

/** Print a whole count of units in the last decimal. */
export function printed(units: number, decimals: number): string {
  const digits = String(Math.abs(units)).padStart(decimals + 1, "0");
  const sign = units < 0 ? MINUS : "";
  if (decimals === 0) return sign + digits;
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** Print a number with a count of decimals. */
export function decimal(value: number, decimals: number): string {
  return printed(rounded(value, decimals), decimals);
}

/** A number in at most five characters, for a small cell; not meant to be added up. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 9999.5) return value.toExponential(0).replace("e+", "e").replace("-", MINUS);
  const decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return decimal(value, decimals);
}

/** A number in a sentence: four significant digits, no trailing noise. */
export function plain(value: number): string {
  const text = Number(value.toPrecision(4)).toString();
  return text.replaceAll("-", MINUS);
}
