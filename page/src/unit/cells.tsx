// A window, a filter, or their products: small coloured cells with their numbers.

import { cssColour, inkOn, type Ramp } from "../colour.ts";
import type { Term } from "../explain.ts";
import { short } from "../numbers.ts";
import * as state from "../state.ts";

/** Cells in a row from which on a cell has no room for digits. */
const DENSE = 8;

interface CellsProps {
  readonly label: string;
  readonly columns: number;
  readonly limit: number;
  /** For each tap: the number in it, and which term it belongs to; null outside the input. */
  readonly cells: readonly ({ readonly value: number; readonly term: number } | null)[];
}

/** A cell's colours. Noughts, of which a window has many, step back. */
function styleOf(value: number, limit: number, ramp: Ramp): { background: string; color: string } {
  const color = value === 0 ? "var(--muted)" : inkOn(value, limit, ramp);
  return { background: cssColour(value, limit, ramp), color };
}

/** Numbers rounded for a small cell. Pointed at, all digits are read out elsewhere. */
export function Cells({ label, columns, limit, cells }: CellsProps) {
  const ramp = state.ramp.value;
  return (
    <div
      class={columns >= DENSE ? "cells dense" : "cells"}
      style={{ "--columns": columns }}
      role="img"
      aria-label={label}
    >
      {cells.map((cell, tap) =>
        cell ? (
          <span key={tap} class="cell" data-term={cell.term} style={styleOf(cell.value, limit, ramp)}>
            {short(cell.value)}
          </span>
        ) : (
          <span key={tap} class="cell outside" title="Outside the input: not read" />
        ),
      )}
    </div>
  );
}

interface ProductsProps {
  readonly label: string;
  readonly columns: number;
  readonly limit: number;
  readonly channel: number;
  readonly cells: readonly ({
    readonly term: Term;
    readonly number: number;
    readonly text: string;
    readonly name: string;
  } | null)[];
}

/** Every product with all printed digits: what the subtotal adds up. Each is a button that goes to what it multiplies. */
export function Products({ label, columns, limit, channel, cells }: ProductsProps) {
  const ramp = state.ramp.value;
  const widest = Math.max(...cells.map((cell) => cell?.text.length ?? 0));
  const first = cells.findIndex((cell) => cell !== null);
  return (
    <div
      class="cells products"
      style={{ "--columns": columns, "--digits": widest }}
      role="toolbar"
      aria-label={label}
      onKeyDown={(event) => moveFocus(event, columns)}
    >
      {cells.map((cell, tap) =>
        cell ? (
          <button
            key={tap}
            type="button"
            class="cell"
            data-role="term"
            data-channel={channel}
            data-term={cell.number}
            tabIndex={tap === first ? 0 : -1}
            aria-label={cell.name}
            style={styleOf(cell.term.product, limit, ramp)}
          >
            {cell.text}
          </button>
        ) : (
          <span key={tap} class="cell outside" title="Outside the input: adds nothing" />
        ),
      )}
    </div>
  );
}

/** Arrows walk from product to product while one has the focus. */
function moveFocus(event: KeyboardEvent, columns: number): void {
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
  };
  const by = steps[event.key];
  if (by === undefined || !(event.target instanceof HTMLElement)) return;
  const siblings = [...(event.target.parentElement?.children ?? [])];
  const next = siblings[siblings.indexOf(event.target) + by];
  event.stopPropagation();
  event.preventDefault();
  if (next instanceof HTMLButtonElement) next.focus();
}
