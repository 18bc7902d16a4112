// The page's one connection to its server: asks for nets, traces and events, and writes what comes into state.ts.

import { batch, computed, effect, signal } from "@preact/signals";
import { imageOf } from "./picture.ts";
import * as state from "./state.ts";
import type { Tensor } from "./types.ts";
import { decodeFrame, encodeFrame, type Message, readMessage, type ServerHeader } from "./wire.ts";

const FIRST_DELAY = 250; // milliseconds before the first attempt to connect again; doubled after each that fails
const LONGEST_DELAY = 8000;

let socket: WebSocket | null = null;
let delay = FIRST_DELAY;
/** Whether the server has greeted this connection: it says hello again whenever a net comes. */
let isGreeted = false;
let sequence = 0;

/** The request for a trace that is under way, and whether a newer picture waits behind it. */
let underWay: { readonly sequence: number; readonly since: number | null } | null = null;
let waits = false;
/** When the pen moved first of all moves that no request has carried yet; milliseconds as performance.now() counts. */
let penMoved: number | null = null;

/** Called with the address that the server wants shown first, whenever the server says what it has. */
export type Guide = (start: string) => void;

/** How many connections the server has greeted: each has to be asked anew. */
const greetings = signal(0);

/** The open net, once the server has it: a run has none before its first checkpoint. */
const netThere = computed(() => state.summary.value?.id ?? null);

/** Connect, stay connected, and keep asking for what the state names. */
export function connect(guide: Guide): void {
  open(guide);
  effect(() => {
    if (greetings.value && netThere.value) openNet(netThere.value);
  });
  effect(() => {
    if (greetings.value && state.runId.value) watch(state.runId.value);
  });
}

function open(guide: Guide): void {
  const url = new URL("/wire", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => receive(readMessage(data), guide);
  socket.onclose = () => {
    underWay = null;
    isGreeted = false;
    state.waiting.value = "Connection lost. Is Convlens still running? Trying again ...";
    setTimeout(() => open(guide), delay);
    delay = Math.min(LONGEST_DELAY, 2 * delay);
  };
}

function isOpen(): boolean {
  return socket?.readyState === WebSocket.OPEN;
}

function send(message: Readonly<Record<string, unknown>>): void {
  if (isOpen()) socket?.send(JSON.stringify(message));
}

function openNet(net: string): void {
  if (state.net.peek()?.id !== net) {
    state.net.value = null;
    state.trace.value = null;
    state.waiting.value = "Fetching the network ...";
  }
  send({ what: "open", net });
}

function watch(run: string): void {
  state.events.value = [];
  send({ what: "watch", run });
}

/**
 * Ask for the trace of the current picture. While one request is under way, all later ones are one: of a fast pen, the
 * newest picture is computed, and nothing queues up.
 *
 * @param moved when the pen moved, if that is why; milliseconds as performance.now() counts.
 */
export function requestTrace(moved: number | null = null): void {
  penMoved ??= moved;
  if (underWay) {
    waits = true;
    return;
  }
  const summary = state.summary.peek();
  const picture = state.picture.peek();
  if (!isOpen() || !summary) return;
  waits = false;
  underWay = { sequence: ++sequence, since: penMoved };
  penMoved = null;
  if (picture.kind === "sample" || !summary.accepts_images) {
    const index = picture.kind === "sample" ? Math.min(picture.index, summary.samples - 1) : 0;
    send({ what: "sample", net: summary.id, sequence, index });
  } else {
    const image = imageOf(picture, summary.preprocessing);
    socket?.send(encodeFrame({ what: "trace", net: summary.id, sequence }, new Map([["image", image]])));
  }
}

/** Show the net a photo: any image file that the server can read. */
export async function fetchPhoto(file: Blob): Promise<Tensor> {
  const url = `/image?net=${encodeURIComponent(state.netId.peek())}`;
  const response = await fetch(url, { method: "POST", body: file });
  if (!response.ok) throw new Error(await response.text());
  const image = decodeFrame(await response.arrayBuffer()).tensors.get("image");
  if (!image) throw new Error("The server answered without an image.");
  return image;
}

function receive({ header, tensors }: Message<ServerHeader>, guide: Guide): void {
  switch (header.what) {
    case "hello":
      receiveHello(header, guide);
      break;
    case "net":
      receiveNet(header, tensors);
      break;
    case "trace":
      receiveTrace(header, tensors);
      break;
    case "events":
      if (header.run === state.runId.peek()) {
        state.events.value = [...state.events.peek().slice(0, header.first), ...header.events];
      }
      break;
    case "error":
      state.problem.value = header.message;
      if (header.sequence === underWay?.sequence) settle();
  }
}

function receiveHello(header: ServerHeader & { what: "hello" }, guide: Guide): void {
  batch(() => {
    state.nets.value = header.nets;
    state.runs.value = header.runs;
    state.waiting.value = null;
    guide(header.start);
    if (!isGreeted) greetings.value++;
  });
  isGreeted = true;
  delay = FIRST_DELAY;
}

function receiveNet(header: ServerHeader & { what: "net" }, weights: Message["tensors"]): void {
  if (header.net !== state.netId.peek()) return;
  batch(() => {
    state.net.value = { id: header.net, version: header.version, calls: header.calls, weights };
    state.waiting.value = null;
  });
  requestTrace();
}

function receiveTrace(header: ServerHeader & { what: "trace" }, tensors: Message["tensors"]): void {
  const since = header.sequence === underWay?.sequence ? underWay.since : null;
  const image = tensors.get("image");
  if (header.net === state.netId.peek() && image) {
    const activations = new Map(tensors);
    activations.delete("image");
    state.trace.value = { ...header, activations, image }; // the network view repaints here, at once
    if (since !== null) performance.measure("pen", { start: since, end: performance.now() });
  }
  if (header.sequence === underWay?.sequence) settle();
}

/** The request that was under way is answered: send the picture that waited behind it. */
function settle(): void {
  underWay = null;
  if (waits) requestTrace();
}
