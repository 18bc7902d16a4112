// One zero-centred scale of colours for everything that has a sign: blue below zero, orange above, the paper's colour at zero.
// Equal magnitudes have equal lightness, whatever the sign, and lightness alone tells magnitude: so it reads in every
// kind of colour blindness, and in print. Made in OKLab (Ottosson, "A perceptual color space for image processing", 2020).

/** Colours on each side of zero. */
export const STEPS = 127;

export type Theme = "light" | "dark";

/** Colours from the most negative to the most positive; the one of zero lies in the middle. */
export interface Ramp {
  /** Red, green, blue, 0..255, of each of the 2 * STEPS + 1 colours. */
  readonly rgb: readonly (readonly [number, number, number])[];
  /** The same as ImageData holds them in a Uint32Array, opaque. */
  readonly packed: Uint32Array;
}

/** Lightness 0..1, chroma, hue in degrees (OKLCh). */
interface Tone {
  readonly lightness: number;
  readonly chroma: number;
  readonly hue: number;
}

interface Ends {
  readonly zero: number; // lightness
  readonly negative: Tone;
  readonly positive: Tone;
}

const ENDS: Readonly<Record<Theme, Ends>> = {
  light: {
    zero: 0.985,
    negative: { lightness: 0.46, chroma: 0.15, hue: 256 },
    positive: { lightness: 0.46, chroma: 0.13, hue: 47 },
  },
  dark: {
    zero: 0.23,
    negative: { lightness: 0.82, chroma: 0.115, hue: 240 },
    positive: { lightness: 0.82, chroma: 0.14, hue: 68 },
  },
};

/** The red, green and blue, 0..255 and not rounded, of a tone; below 0 or above 255 where a screen cannot show it. */
export function toneToRgb({ lightness, chroma, hue }: Tone): [number, number, number] {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    gamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    gamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    gamma(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** sRGB's transfer function (IEC 61966-2-1). */
function gamma(linear: number): number {
  const magnitude = Math.abs(linear);
  const value = magnitude <= 0.0031308 ? 12.92 * magnitude : 1.055 * magnitude ** (1 / 2.4) - 0.055;
  return 255 * Math.sign(linear) * value;
}

function colourAt(position: number, ends: Ends): [number, number, number] {
  const end = position < 0 ? ends.negative : ends.positive;
  const share = Math.abs(position);
  const rgb = toneToRgb({
    lightness: ends.zero + share * (end.lightness - ends.zero),
    chroma: share * end.chroma,
    hue: end.hue,
  });
  return rgb.map((part) => Math.round(Math.min(255, Math.max(0, part)))) as [number, number, number];
}

/** Pack a colour as ImageData holds it on every machine that runs a browser: little-endian, red first. */
export function pack(red: number, green: number, blue: number, alpha = 255): number {
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

function makeRamp(theme: Theme): Ramp {
  const rgb = Array.from({ length: 2 * STEPS + 1 }, (_, step) => colourAt(step / STEPS - 1, ENDS[theme]));
  return { rgb, packed: Uint32Array.from(rgb, ([red, green, blue]) => pack(red, green, blue)) };
}

export const RAMPS: Readonly<Record<Theme, Ramp>> = { light: makeRamp("light"), dark: makeRamp("dark") };

/** Which of a ramp's colours a value has, where `limit` has the strongest. */
export function step(value: number, limit: number): number {
  if (!(limit > 0)) return STEPS;
  const share = Math.max(-1, Math.min(1, value / limit));
  return STEPS + Math.round(share * STEPS);
}

/** A value's colour as CSS writes it. */
export function cssColour(value: number, limit: number, ramp: Ramp): string {
  return `rgb(${ramp.rgb[step(value, limit)].join(" ")})`;
}

/** Black or white: whichever reads better on a value's colour (WCAG 2.2, relative luminance). */
export function inkOn(value: number, limit: number, ramp: Ramp): "black" | "white" {
  return luminance(ramp.rgb[step(value, limit)]) > 0.179 ? "black" : "white";
}

/** WCAG's relative luminance, 0..1. */
export function luminance(rgb: readonly number[]): number {
  const [red, green, blue] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The largest magnitude among some of a tensor's numbers. */
export function largest(data: ArrayLike<number>, start = 0, end = data.length): number {
  let found = 0;
  for (let at = start; at < end; at++) {
    const magnitude = Math.abs(data[at]);
    if (magnitude > found) found = magnitude;
  }
  return found;
}
