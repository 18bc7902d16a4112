// The training view: a run as it happens. Its curves, its speed, and what the net has learnt so far.

import "../training.css";
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { plain } from "../numbers.ts";
import * as state from "../state.ts";
import { Chart } from "../training/chart.tsx";
import { Learning } from "../training/learning.tsx";
import { duration, type Progress, progressOf, smoothed } from "../training/progress.ts";

/** Points within which the smoothed loss forgets half of what was before. */
const HALF_LIFE = 6;

/** A running training of which nothing was heard for so long may have been killed. Seconds. */
const SILENCE = 15;

export function TrainingView() {
  const run = state.runs.value.find(({ id }) => id === state.runId.value);
  useEffect(() => {
    if (run && state.nets.peek().some(({ id }) => id === run.net)) state.netId.value = run.net;
  }, [run]);
  if (!run) {
    return (
      <main class="training">
        <p class="waiting">
          {state.waiting.value ?? "There is no training to show. Start one with: convlens train digits"}
        </p>
      </main>
    );
  }
  return (
    <main class="training">
      <Live title={run.title} />
      <Learning />
    </main>
  );
}

/** What changes with every event, many times a second; apart from the pictures, which change with the net. */
function Live({ title }: { title: string }) {
  const progress = useComputed(() => progressOf(state.events.value));
  return (
    <>
      <Standing progress={progress.value} title={title} />
      <div class="curves">
        <Loss progress={progress.value} />
        <Accuracy progress={progress.value} />
      </div>
    </>
  );
}

/** For how many seconds no event came. */
function useSilence(): number {
  const silence = useSignal(0);
  const { value: events } = state.events;
  useEffect(() => {
    silence.value = 0;
    const timer = setInterval(() => {
      silence.value++;
    }, 1000);
    return () => clearInterval(timer);
  }, [events]);
  return silence.value;
}

const STATES: Readonly<Record<Progress["state"], string>> = {
  waiting: "Waiting for the training to begin ...",
  running: "Training",
  interrupted: "Interrupted",
  finished: "Finished",
};

/** Where the run stands, in words and numbers. */
function Standing({ progress, title }: { progress: Progress; title: string }) {
  const { state: standing, step, steps } = progress;
  const silence = useSilence();
  return (
    <header class="standing">
      <div>
        <h1>{title}</h1>
        <p class={`state ${standing}`} role="status">
          {STATES[standing]}
          {progress.reason && `: ${progress.reason}`}
          {standing === "running" && silence >= SILENCE && `, but no news for ${duration(silence)}`}
          {progress.data && <span class="quiet">{` ${progress.net} on ${progress.data}`}</span>}
        </p>
      </div>
      {progress.accuracy !== null && (
        <p class="result">
          <b>{percent(progress.accuracy)}</b> of the test images read correctly
        </p>
      )}
      {standing === "finished" && state.summary.value?.accepts_images && (
        <button
          type="button"
          class="draw"
          onClick={() => {
            state.view.value = "network";
          }}
        >
          Draw a digit for it →
        </button>
      )}
      {standing !== "waiting" && (
        <>
          <progress value={step} max={Math.max(1, steps)} aria-label="Steps done" />
          <Figures progress={progress} />
        </>
      )}
    </header>
  );
}

function Figures({ progress }: { progress: Progress }) {
  const figures: [name: string, value: string | null][] = [
    ["step", `${progress.step} of ${progress.steps}`],
    ["epoch", `${progress.epoch} of ${progress.epochs}`],
    ["loss", last(smoothed(progress.loss.values, HALF_LIFE), plain)],
    ["validation accuracy", last(progress.validation.values, percent)],
    [
      "images a second",
      progress.imagesPerSecond === null ? null : Math.round(progress.imagesPerSecond).toString(),
    ],
    ["learning rate", progress.learningRate === null ? null : plain(progress.learningRate)],
    ["time left", progress.secondsLeft === null ? null : duration(progress.secondsLeft)],
    ["took", progress.seconds === null ? null : duration(progress.seconds)],
  ];
  return (
    <dl class="figures">
      {figures.map(
        ([name, value]) =>
          value !== null && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

function last(values: readonly number[], print: (value: number) => string): string | null {
  return values.length ? print(values[values.length - 1]) : null;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function Loss({ progress }: { progress: Progress }) {
  const isLogarithmic = useSignal(true);
  const { loss, steps } = progress;
  const data = useMemo(
    () =>
      [[...loss.steps], [...loss.values], smoothed(loss.values, HALF_LIFE)] as [number[], number[], number[]],
    [loss],
  );
  return (
    <section class="curve-box">
      <header>
        <h2>Loss</h2>
        <label>
          <input
            type="checkbox"
            checked={isLogarithmic.value}
            onChange={(event) => {
              isLogarithmic.value = event.currentTarget.checked;
            }}
          />{" "}
          logarithmic
        </label>
      </header>
      <Chart
        label={`Loss over ${steps} steps; now ${last(loss.values, plain) ?? "not known"}`}
        lines={[
          { label: "loss", colour: "muted", width: 1, print: plain },
          { label: "smoothed", colour: "bar", width: 2, print: plain },
        ]}
        data={data}
        steps={steps}
        isLogarithmic={isLogarithmic.value}
        printAxis={plain}
      />
    </section>
  );
}

function Accuracy({ progress }: { progress: Progress }) {
  const { validation, steps } = progress;
  const data = useMemo(
    () => [[...validation.steps], [...validation.values]] as [number[], number[]],
    [validation],
  );
  return (
    <section class="curve-box">
      <header>
        <h2>Validation accuracy</h2>
      </header>
      <Chart
        label={`Validation accuracy over ${steps} steps; now ${last(validation.values, percent) ?? "not known"}`}
        lines={[{ label: "read correctly", colour: "bar", width: 2, dots: true, print: percent }]}
        data={data}
        steps={steps}
        range={(low) => [Math.max(0, Math.min(low ?? 1, 0.9) - 0.05), 1]}
        printAxis={(share) => `${plain(100 * share)} %`}
      />
    </section>
  );
}
