// What a run's events say so far: where it stands, and its curves.

import type { RunEvent } from "../types.ts";

export type RunState = "waiting" | "running" | "interrupted" | "finished";

/** One number a step at which it was measured. */
export interface Series {
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

export interface Progress {
  readonly state: RunState;
  readonly net: string;
  readonly data: string;
  /** Images that it learns from. */
  readonly images: number;
  readonly step: number;
  readonly steps: number;
  /** Counted from 1, as people count. */
  readonly epoch: number;
  readonly epochs: number;
  /** Null until it is known. */
  readonly learningRate: number | null;
  readonly imagesPerSecond: number | null;
  readonly secondsLeft: number | null;
  /** How long the whole training took, of a finished one. */
  readonly seconds: number | null;
  /** Share of the test part that is read correctly, of a finished one. */
  readonly accuracy: number | null;
  /** Why it stopped, of an interrupted one. */
  readonly reason: string | null;
  readonly loss: Series;
  /** Share of the validation part that is read correctly. */
  readonly validation: Series;
  readonly checkpoints: number;
}

/** How many of the latest speeds the time that is left is reckoned from: the first step of a run is always slow. */
const SPEEDS = 15;

/** Read a run's events from the beginning. */
export function progressOf(events: readonly RunEvent[]): Progress {
  const loss = new Curve();
  const validation = new Curve();
  const speeds: number[] = [];
  let about: RunEvent | null = null;
  let last: RunEvent | null = null;
  let newest: RunEvent | null = null;
  let checkpoints = 0;
  for (const event of events) {
    const step = event.step ?? 0;
    switch (event.event) {
      case "start":
      case "resume":
        about = event;
        // What came after the checkpoint that it goes on from is done again.
        loss.cut(step);
        validation.cut(step);
        newest = newest && (newest.step ?? 0) <= step ? newest : null;
        break;
      case "step":
        newest = event;
        loss.add(step, number(event, "loss"));
        speeds.push(number(event, "images_per_second") ?? Number.NaN);
        break;
      case "evaluation":
        if (event.part === "val") validation.add(step, number(event, "accuracy"));
        break;
      case "checkpoint":
        checkpoints++;
    }
    if (event.event !== "checkpoint" && event.event !== "evaluation") last = event;
  }
  const steps = number(about, "steps") ?? 0;
  const images = number(about, "images") ?? 0;
  const epochs = number(about, "epochs") ?? 0;
  const step = Math.max(newest?.step ?? 0, about?.step ?? 0);
  const state = stateOf(last);
  const speed = median(speeds.filter((value) => value > 0).slice(-SPEEDS));
  return {
    state,
    net: text(about, "net"),
    data: text(about, "data"),
    images,
    step,
    steps,
    epoch: Math.min(epochs, (number(newest, "epoch") ?? 0) + 1),
    epochs,
    learningRate: number(newest, "learning_rate"),
    imagesPerSecond: speed,
    secondsLeft:
      state === "running" && speed && steps ? ((steps - step) * ((images * epochs) / steps)) / speed : null,
    seconds: state === "finished" ? number(last, "seconds") : null,
    accuracy: state === "finished" ? number(last, "accuracy") : null,
    reason: state === "interrupted" ? text(last, "reason") : null,
    loss,
    validation,
    checkpoints,
  };
}

class Curve implements Series {
  readonly steps: number[] = [];
  readonly values: number[] = [];

  add(step: number, value: number | null): void {
    if (value === null) return;
    this.steps.push(step);
    this.values.push(value);
  }

  /** Forget what lies beyond a step. */
  cut(step: number): void {
    while (this.steps.length && this.steps[this.steps.length - 1] > step) {
      this.steps.pop();
      this.values.pop();
    }
  }
}

function stateOf(last: RunEvent | null): RunState {
  switch (last?.event) {
    case undefined:
      return "waiting";
    case "end":
      return "finished";
    case "interrupted":
      return "interrupted";
    default:
      return "running";
  }
}

function number(event: RunEvent | null, field: string): number | null {
  const value = event?.[field];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function text(event: RunEvent | null, field: string): string {
  const value = event?.[field];
  return typeof value === "string" ? value : "";
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/**
 * Smooth a curve: an exponential moving average that forgets half within `half` points, begun without a bias towards 0
 * (Kingma and Ba, "Adam", 2015, section 3).
 */
export function smoothed(values: readonly number[], half: number): number[] {
  const keep = 0.5 ** (1 / half);
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    sum = keep * sum + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return sum / weight;
  });
}

/** "1 min 20 s", "8 s" */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
