// The window slides over the map by itself, until a hand or a key takes over.

import { effect, signal } from "@preact/signals";
import * as state from "../state.ts";
import { opened, slideTo } from "./sight.ts";
import { slideOn } from "./steps.ts";

const PACE = 180; // milliseconds from place to place
const CALM_PACE = 1000; // for those who asked their system for less motion

export const isSliding = signal(false);

/** Slide while `isSliding` says so and the unit view is open. Returns what ends it. */
export function followSliding(): () => void {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let timer = 0;
  const dispose = effect(() => {
    clearInterval(timer);
    if (isSliding.value) timer = window.setInterval(step, calm.matches ? CALM_PACE : PACE);
  });
  return () => {
    isSliding.value = false;
    clearInterval(timer);
    dispose();
  };
}

function step(): void {
  const here = opened.peek();
  if (here === null || typeof here === "string" || document.hidden) return;
  slideTo(slideOn(state.openUnit.peek() ?? here.unit, here.shape.slice(1)));
}
