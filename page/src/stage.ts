// The picture of the network on the page: two canvases, of which one holds the numbers and one what lights up. It is drawn
// anew only when something changed: at once when a trace comes, so that the pen's answer waits for nothing; all else with
// the next frame.

import { effect } from "@preact/signals";
import { drawBackdrop } from "./backdrop.ts";
import { layers, lit } from "./derived.ts";
import { contextOf, MapPainter } from "./draw.ts";
import { type Block, cellAt, placeOfCell, type Rect, type Scene } from "./geometry.ts";
import { Highlighter } from "./highlight.ts";
import { layOut } from "./layout.ts";
import { findLimits } from "./limits.ts";
import { readPalette } from "./palette.ts";
import * as state from "./state.ts";
import type { Unit } from "./types.ts";

export interface Canvases {
  /** Scrolls, and receives the pointer; it holds nothing but an element as wide as the scene. */
  readonly scroller: HTMLElement;
  readonly sizer: HTMLElement;
  readonly numbers: HTMLCanvasElement;
  readonly highlights: HTMLCanvasElement;
}

/** The size of text, in pixels, in which scenes are laid out. Where the reader's is larger, the whole scene is. */
const USUAL_TEXT = 15;

const EMPTY: Scene = { width: 0, height: 0, blocks: [], links: [] };

export class Stage {
  scene: Scene = EMPTY;
  private readonly canvases: Canvases;
  private readonly numbers: CanvasRenderingContext2D;
  private readonly highlights: CanvasRenderingContext2D;
  private painter = new MapPainter(EMPTY);
  private highlighter = new Highlighter(EMPTY);
  private palette = readPalette();
  /** CSS pixels for one of the scene's. */
  private zoom = 1;
  /** Device pixels for one of the scene's. */
  private density = 1;
  private frame = 0;
  private isAllStale = false;
  private readonly endings: (() => void)[] = [];

  constructor(canvases: Canvases) {
    this.canvases = canvases;
    this.numbers = contextOf(canvases.numbers, { alpha: false });
    this.highlights = contextOf(canvases.highlights);
    const observer = new ResizeObserver(() => this.rebuild());
    observer.observe(canvases.scroller);
    this.listen(canvases.scroller, "scroll", () => this.schedule());
    this.listen(window, "resize", () => this.rebuild()); // a zoom changes the density alone
    this.endings.push(
      () => observer.disconnect(),
      () => cancelAnimationFrame(this.frame),
      effect(() => {
        layers.value;
        state.summary.value?.classes;
        this.rebuild();
      }),
      effect(() => {
        state.theme.value;
        this.palette = readPalette();
        this.schedule();
      }),
      effect(() => {
        state.colourScope.value;
        this.schedule();
      }),
      effect(() => {
        lit.value;
        this.light();
      }),
      effect(() => {
        if (state.trace.value) this.paintNumbers();
      }),
    );
  }

  /** Let go of everything that it listens to. */
  end(): void {
    for (const ending of this.endings) ending();
  }

  /** The unit at a point of the window; null between the maps. */
  unitAt(clientX: number, clientY: number): Unit | null {
    const { left, top } = this.canvases.scroller.getBoundingClientRect();
    const x = (clientX - left + this.canvases.scroller.scrollLeft) / this.zoom;
    const found = cellAt(this.scene, x, (clientY - top) / this.zoom);
    const place = found && placeOfCell(found.block, found.cell);
    return found && place !== null ? unitOf(found.block, place) : null;
  }

  /** A rectangle of the scene, in the window's coordinates. */
  inWindow(rect: Rect): Rect {
    const { left, top } = this.canvases.scroller.getBoundingClientRect();
    return {
      left: rect.left * this.zoom + left - this.canvases.scroller.scrollLeft,
      top: rect.top * this.zoom + top,
      width: rect.width * this.zoom,
      height: rect.height * this.zoom,
    };
  }

  /** Scroll so that a rectangle of the scene can be seen. */
  reveal(rect: Rect): void {
    const { scroller } = this.canvases;
    const [left, right] = [rect.left * this.zoom, (rect.left + rect.width) * this.zoom];
    if (left < scroller.scrollLeft || right > scroller.scrollLeft + scroller.clientWidth) {
      scroller.scrollLeft = (left + right - scroller.clientWidth) / 2;
    }
  }

  private listen(target: EventTarget, type: string, action: () => void): void {
    target.addEventListener(type, action);
    this.endings.push(() => target.removeEventListener(type, action));
  }

  private rebuild(): void {
    const { scroller, sizer, numbers, highlights } = this.canvases;
    if (!scroller.clientWidth || !scroller.clientHeight) return;
    this.zoom = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / USUAL_TEXT;
    this.density = devicePixelRatio * this.zoom;
    const [width, height] = [scroller.clientWidth / this.zoom, scroller.clientHeight / this.zoom];
    const room = { width, height, density: this.density };
    const found = layers.peek();
    this.scene = found.length ? layOut(found, room, state.summary.peek()?.classes ?? []) : EMPTY;
    this.painter = new MapPainter(this.scene);
    this.highlighter = new Highlighter(this.scene);
    sizer.style.width = `${this.scene.width * this.zoom}px`;
    for (const canvas of [numbers, highlights]) {
      canvas.width = Math.round(room.width * this.density);
      canvas.height = Math.round(room.height * this.density);
    }
    this.paintAll(); // at once: a resized canvas is blank
  }

  /** Draw everything with the next frame. */
  private schedule(): void {
    cancelAnimationFrame(this.frame);
    this.isAllStale = true;
    this.frame = requestAnimationFrame(() => this.paintAll());
  }

  /** Draw what lights up with the next frame. */
  private light(): void {
    if (this.isAllStale) return;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paintHighlights());
  }

  private paintAll(): void {
    cancelAnimationFrame(this.frame);
    this.isAllStale = false;
    this.numbers.resetTransform();
    this.numbers.fillStyle = this.palette.paper;
    this.numbers.fillRect(0, 0, this.canvases.numbers.width, this.canvases.numbers.height);
    this.moveTo(this.numbers);
    drawBackdrop(this.numbers, this.scene, this.palette, state.summary.peek()?.classes ?? []);
    this.paintNumbers();
    this.paintHighlights();
  }

  /** The maps cover what they showed before, so nothing needs to be cleared. */
  private paintNumbers(): void {
    const trace = state.trace.peek();
    const net = state.net.peek();
    if (!trace || !net || trace.net !== net.id) return;
    const left = this.moveTo(this.numbers);
    const look = {
      palette: this.palette,
      ramp: state.ramp.peek(),
      limitOf: findLimits(trace.activations, net.calls, state.colourScope.peek()),
    };
    const right = left + this.canvases.scroller.clientWidth / this.zoom;
    this.painter.paint(this.numbers, trace, look, [left, right]);
  }

  private paintHighlights(): void {
    const { highlights } = this.canvases;
    this.highlights.resetTransform();
    this.highlights.clearRect(0, 0, highlights.width, highlights.height);
    const found = lit.peek();
    if (!found) return;
    this.moveTo(this.highlights);
    this.highlighter.draw(this.highlights, { lit: found, ramp: state.ramp.peek(), palette: this.palette });
  }

  /** Have a canvas show the part of the scene that is scrolled to; whole device pixels keep the cells crisp. */
  private moveTo(context: CanvasRenderingContext2D): number {
    const left = Math.round(this.canvases.scroller.scrollLeft * devicePixelRatio) / this.density;
    context.setTransform(this.density, 0, 0, this.density, -left * this.density, 0);
    return left;
  }
}

/** The unit that a block shows at a place. */
export function unitOf(block: Block, place: number): Unit {
  return state.unitAtPlace(block.layer.name, place, [1, ...block.layer.shape]);
}
