// The page's colours as the canvas needs them: read from style.css, which alone decides them.

export interface Palette {
  readonly paper: string;
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly link: string;
  readonly bar: string;
  /** Behind a bar. */
  readonly track: string;
  readonly frame: string;
  /** Red, green, blue, 0..255, of what lies over units that are not lit. */
  readonly veil: readonly [number, number, number];
  readonly font: string;
}

/** style.css registers these properties as colours, so that they come resolved, as rgb(...). */
export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const paper = colour("--paper");
  return {
    paper,
    ink: colour("--ink"),
    muted: colour("--muted"),
    line: colour("--line"),
    link: colour("--link"),
    bar: colour("--bar"),
    track: colour("--track"),
    frame: colour("--frame"),
    veil: (paper.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number) as [number, number, number],
    font: style.fontFamily,
  };
}
