// Keeps the address and the state alike: back and forward work, and a copied address opens the same unit of the same image.

import { batch, computed, effect } from "@preact/signals";
import { type Address, formatAddress, parseAddress } from "./address.ts";
import { requestTrace } from "./connection.ts";
import { NO_INK } from "./ink.ts";
import * as state from "./state.ts";

const SETTLED = 300; // milliseconds: a pen that rests this long has its drawing in the address

const current = computed<Address>(() => ({
  view: state.view.value,
  id: state.view.value === "training" ? state.runId.value : state.netId.value,
  unit: state.view.value === "unit" ? state.openUnit.value : null,
  colours: state.colourScope.value,
  picture: state.picture.value,
}));

/** What makes a new step to go back from; all else only changes the step that one is in. */
const step = computed(() => JSON.stringify([current.value.view, current.value.id, current.value.unit]));

let writtenStep = "";
let timer = 0;
/** The address that the server asked for last, from which it may lead on: from training to the pad. */
let start: string | null = null;

/** Follow the address from now on, and have it follow the state. */
export function followAddress(): void {
  dropToken();
  window.addEventListener("popstate", () => goTo(location.hash));
  window.addEventListener("hashchange", () => {
    if (location.hash !== formatAddress(current.peek())) goTo(location.hash);
  });
  if (location.hash) goTo(location.hash);
  effect(() => {
    const address = current.value;
    if (!state.nets.value.length && !state.runs.value.length) return; // nothing is known yet
    clearTimeout(timer);
    if (step.peek() !== writtenStep && !state.slid.peek()) write(address);
    else timer = window.setTimeout(() => write(current.peek()), SETTLED);
  });
}

/** What the browser calls this address, in its tab and its history. */
function titleOf({ view, unit }: Address): string {
  const net = state.summary.peek()?.title ?? "";
  const place =
    view === "unit" && unit
      ? `${unit.layer} [${unit.index.join(", ")}]`
      : view === "training"
        ? "Training"
        : "";
  return [place, net, "Convlens"].filter(Boolean).join(" · ");
}

/** The token has become a cookie; whoever sees or copies the address need not have it. */
function dropToken(): void {
  const url = new URL(location.href);
  if (!url.searchParams.has("token")) return;
  url.searchParams.delete("token");
  history.replaceState(null, "", url);
}

function write(address: Address): void {
  const hash = formatAddress(address);
  const isNewStep = step.peek() !== writtenStep;
  const isFirst = writtenStep === "";
  const isWalk = state.slid.peek();
  writtenStep = step.peek();
  state.slid.value = false;
  document.title = titleOf(address);
  if (hash === location.hash) return;
  if (isNewStep && !isFirst && !isWalk) history.pushState(null, "", hash);
  else history.replaceState(null, "", hash);
}

/** Open what an address names. */
export function goTo(hash: string): void {
  const address = parseAddress(hash);
  const shown = JSON.stringify(state.picture.peek());
  batch(() => {
    state.view.value = address.view === "unit" && !address.unit ? "network" : address.view;
    if (address.view === "training") state.runId.value = address.id || state.runId.peek();
    else state.netId.value = address.id || state.netId.peek();
    state.openUnit.value = address.unit ?? state.openUnit.peek();
    state.colourScope.value = address.colours;
    if (address.picture) state.picture.value = address.picture;
    writtenStep = step.peek();
  });
  if (JSON.stringify(state.picture.peek()) !== shown) requestTrace();
}

/** The server said what it has: open what the address names, or where the server wants to begin, or the first net. */
export function begin(address: string): void {
  batch(() => {
    if (start === null && !location.hash && address) goTo(address);
    if (start !== null && start !== address) follow(address);
    start = address;
    const nets = state.nets.peek();
    const runs = state.runs.peek();
    if (!state.runId.peek() && runs.length) state.runId.value = runs[0].id;
    const isThere = nets.some(({ id }) => id === state.netId.peek());
    const comes = runs.some(({ net }) => net === state.netId.peek());
    if (isThere || comes || !nets.length) return;
    const missing = state.netId.peek();
    state.netId.value = nets[0].id;
    if (missing)
      state.problem.value = `This server has no network "${missing}". It shows "${nets[0].title}" instead.`;
  });
  showSomething();
}

/** A net that is opened without a picture shows its first sample, so that there is something to see. */
function showSomething(): void {
  const { value: picture } = state.picture;
  const isEmpty = picture.kind === "ink" && picture.ink === NO_INK;
  if (isEmpty && state.summary.peek()?.samples) state.picture.value = { kind: "sample", index: 0 };
}

/** Go where the server now points, unless the reader has gone elsewhere. */
function follow(address: string): void {
  const here = parseAddress(location.hash);
  const began = parseAddress(start ?? "");
  if (here.view === began.view && here.id === began.id) goTo(address);
}
