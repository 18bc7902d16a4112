import assert from "node:assert/strict";
import { test } from "node:test";
import { duration, progressOf, smoothed } from "../src/training/progress.ts";
import type { RunEvent } from "../src/types.ts";

const START: RunEvent = {
  event: "start",
  step: 0,
  net: "lenet",
  data: "digits",
  images: 6400,
  steps: 200,
  epochs: 2,
};
const step = (at: number, loss: number): RunEvent => ({
  event: "step",
  step: at,
  epoch: at > 100 ? 1 : 0,
  loss,
  learning_rate: 0.01,
  images_per_second: 3200,
});
const validation = (at: number, accuracy: number): RunEvent => ({
  event: "evaluation",
  step: at,
  part: "val",
  loss: 1,
  accuracy,
});

test("a run without events waits", () => {
  assert.equal(progressOf([]).state, "waiting");
});

test("a running training knows how long it takes yet", () => {
  const found = progressOf([START, step(50, 2), step(150, 1)]);
  assert.equal(found.state, "running");
  assert.equal(found.epoch, 2);
  // 50 steps of 6400 * 2 / 200 = 64 images at 3200 a second.
  assert.equal(found.secondsLeft, 1);
  assert.deepEqual(found.loss.steps, [50, 150]);
  assert.deepEqual(found.loss.values, [2, 1]);
});

test("a training that was killed and goes on forgets what it does again", () => {
  const resume = { ...START, event: "resume" as const, step: 60 };
  const found = progressOf([
    START,
    step(50, 2),
    validation(55, 0.5),
    step(100, 1),
    validation(100, 0.9),
    resume,
  ]);
  assert.equal(found.step, 60);
  assert.deepEqual(found.loss.steps, [50]);
  assert.deepEqual(found.validation.steps, [55]);
});

test("only the validation part is a curve; the test part's accuracy comes with the end", () => {
  const found = progressOf([
    START,
    step(200, 0.1),
    validation(200, 0.97),
    { event: "evaluation", step: 200, part: "test", loss: 1, accuracy: 0.5 },
    { event: "end", accuracy: 0.98, seconds: 7.5 },
  ]);
  assert.equal(found.state, "finished");
  assert.deepEqual(found.validation.values, [0.97]);
  assert.equal(found.accuracy, 0.98);
  assert.equal(found.seconds, 7.5);
  assert.equal(found.secondsLeft, null);
});

test("an interrupted training says why", () => {
  const found = progressOf([START, step(10, 2), { event: "interrupted", step: 10, reason: "Ctrl-C" }]);
  assert.equal(found.state, "interrupted");
  assert.equal(found.reason, "Ctrl-C");
});

test("numbers that are missing or not finite are left out", () => {
  const found = progressOf([START, { event: "step", step: 3 }, { ...step(4, 1), loss: null }]);
  assert.deepEqual(found.loss.values, []);
  assert.equal(found.learningRate, 0.01);
});

test("smoothing leaves a constant as it is, and forgets half within its half-life", () => {
  assert.ok(smoothed([3, 3, 3], 5).every((value) => Math.abs(value - 3) < 1e-12));
  const jump = smoothed([...new Array(1000).fill(0), ...new Array(10).fill(1)], 10);
  assert.ok(Math.abs(jump[1009] - 0.5) < 1e-9);
});

test("durations read as people say them", () => {
  assert.equal(duration(7.6), "8 s");
  assert.equal(duration(80), "1 min 20 s");
  assert.equal(duration(7260), "2 h 1 min");
});
