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

const EMPTY: Scene = { width: 0, height: 0, blocks: [], links: [] };

export class Stage {
  scene: Scene = EMPTY;
  private readonly canvases: Canvases;
  private readonly numbers: CanvasRenderingContext2D;
  private readonly highlights: CanvasRenderingContext2D;
  private painter = new MapPainter(EMPTY);
  private highlighter = new Highlighter(EMPTY);
  private palette = readPalette();
  private density = 1;
  private frame = 0;
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
        lit.value;
        this.schedule();
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
    const found = cellAt(this.scene, clientX - left + this.canvases.scroller.scrollLeft, clientY - top);
    const place = found && placeOfCell(found.block, found.cell);
    return found && place !== null ? unitOf(found.block, place) : null;
  }

  /** A rectangle of the scene, in the window's coordinates. */
  inWindow(rect: Rect): Rect {
    const { left, top } = this.canvases.scroller.getBoundingClientRect();
    return { ...rect, left: rect.left + left - this.canvases.scroller.scrollLeft, top: rect.top + top };
  }

  /** Scroll so that a part of the scene can be seen. */
  reveal(left: number, width: number): void {
    const { scroller } = this.canvases;
    if (left < scroller.scrollLeft || left + width > scroller.scrollLeft + scroller.clientWidth) {
      scroller.scrollLeft = left - scroller.clientWidth / 2;
    }
  }

  private listen(target: EventTarget, type: string, action: () => void): void {
    target.addEventListener(type, action);
    this.endings.push(() => target.removeEventListener(type, action));
  }

  private rebuild(): void {
    const { scroller, sizer, numbers, highlights } = this.canvases;
    const room = { width: scroller.clientWidth, height: scroller.clientHeight, density: devicePixelRatio };
    if (!room.width || !room.height) return;
    this.density = room.density;
    const found = layers.peek();
    this.scene = found.length ? layOut(found, room, state.summary.peek()?.classes ?? []) : EMPTY;
    this.painter = new MapPainter(this.scene);
    this.highlighter = new Highlighter(this.scene);
    sizer.style.width = `${this.scene.width}px`;
    for (const canvas of [numbers, highlights]) {
      canvas.width = Math.round(room.width * room.density);
      canvas.height = Math.round(room.height * room.density);
    }
    this.paintAll(); // at once: a resized canvas is blank
  }

  private schedule(): void {
    this.frame ||= requestAnimationFrame(() => this.paintAll());
  }

  private paintAll(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.moveTo(this.numbers);
    this.numbers.fillStyle = this.palette.paper;
    this.numbers.fillRect(
      this.canvases.scroller.scrollLeft,
      0,
      this.canvases.scroller.clientWidth,
      this.scene.height,
    );
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
    this.painter.paint(this.numbers, trace, look, [left, left + this.canvases.scroller.clientWidth]);
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
    const left = Math.round(this.canvases.scroller.scrollLeft * this.density) / this.density;
    context.setTransform(this.density, 0, 0, this.density, -left * this.density, 0);
    return left;
  }
}

/** The unit that a block shows at a place. */
export function unitOf(block: Block, place: number): Unit {
  return state.unitAtPlace(block.layer.name, place, [1, ...block.layer.shape]);
}
