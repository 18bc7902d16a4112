// A curve over the steps of a training, drawn by uPlot. Only its numbers change while it lives; another look makes a new one.

import "uplot/dist/uPlot.min.css";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { type Palette, readPalette } from "../palette.ts";
import * as state from "../state.ts";

// In the page's rem, which grows with the screen.
const HEIGHT = 15.3;
const AXIS_TEXT = 0.8;
const AXIS_WIDTH = 3.8;
const AXIS_HEIGHT = 2.1;

/** So many rem in CSS pixels. */
function rem(count: number): number {
  return count * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}

export interface Line {
  readonly label: string;
  readonly colour: "muted" | "bar";
  /** CSS pixels. */
  readonly width: number;
  /** Whether each measured number is a dot. */
  readonly dots?: boolean;
  readonly print: (value: number) => string;
}

interface Props {
  readonly label: string;
  readonly lines: readonly Line[];
  /** Steps, then the numbers of each line. */
  readonly data: uPlot.AlignedData;
  /** The last step of the training: the axis has room for it from the beginning. */
  readonly steps: number;
  readonly isLogarithmic?: boolean;
  /** The vertical range, where it is not that of the numbers. */
  readonly range?: (low: number, high: number) => [number, number];
  readonly printAxis: (value: number) => string;
}

export function Chart(props: Props) {
  const { label, data, steps, isLogarithmic = false } = props;
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const theme = state.theme.value;
  useEffect(() => {
    const element = holder.current;
    if (!element) return;
    const made = new uPlot(optionsOf(latest, element.clientWidth), latest.current.data, element);
    chart.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: rem(HEIGHT) }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [theme, isLogarithmic, steps]);
  useEffect(() => {
    chart.current?.setData(data);
  }, [data]);
  return <div class="chart" ref={holder} role="img" aria-label={label} />;
}

function optionsOf(latest: { readonly current: Props }, width: number): uPlot.Options {
  const palette = readPalette();
  const { lines, steps, isLogarithmic, printAxis } = latest.current;
  return {
    width,
    height: rem(HEIGHT),
    padding: [12, 8, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { size: 8 } },
    legend: { markers: { width: 0 } },
    scales: {
      x: { time: false, range: () => [0, Math.max(1, steps)] },
      y: {
        distr: isLogarithmic ? 3 : 1,
        ...(latest.current.range && {
          range: (_: uPlot, low: number, high: number) => latest.current.range?.(low, high) ?? [low, high],
        }),
      },
    },
    axes: [
      { ...axis(palette, String), size: rem(AXIS_HEIGHT) },
      { ...axis(palette, printAxis), size: rem(AXIS_WIDTH) },
    ],
    series: [{ label: "step", value: shownValue(String) }, ...lines.map((line) => series(line, palette))],
  };
}

function series(line: Line, palette: Palette): uPlot.Series {
  const colour = palette[line.colour];
  return {
    label: line.label,
    stroke: colour,
    width: line.width,
    points: { show: line.dots ?? false, size: 6, fill: colour },
    value: shownValue(line.print),
  };
}

/** The number under the pointer; where there is none, the newest. */
function shownValue(print: (value: number) => string) {
  return (plot: uPlot, value: number | null, line: number): string => {
    const shown = value ?? plot.data[line].at(-1);
    return shown === null || shown === undefined ? "–" : print(shown);
  };
}

function axis(palette: Palette, print: (value: number) => string): uPlot.Axis {
  return {
    stroke: palette.muted,
    font: `${rem(AXIS_TEXT)}px ${palette.font}`,
    grid: { stroke: palette.line, width: 1 },
    ticks: { stroke: palette.line, width: 1, size: 4 },
    values: (_, splits) => splits.map((value) => (value === null ? "" : print(value))),
  };
}
