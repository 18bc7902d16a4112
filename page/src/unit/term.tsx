// Terms of a sum: lit together wherever they are drawn, read out in full, and open to a click.

import { effect } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";
import type { Explanation, Term } from "../explain.ts";
import { bracketed, exact, printed } from "../numbers.ts";
import { readName, unitOf } from "./names.ts";
import { jumpTo, litTerm, opened } from "./sight.ts";

/** Mark everything below `root` that shows the lit term. Done by hand: a pointer crosses many cells a second. */
export function useLitTerm(root: RefObject<HTMLElement | null>): void {
  useEffect(
    () =>
      effect(() => {
        const term = litTerm.value;
        for (const element of root.current?.querySelectorAll("[data-lit]") ?? []) delete dataOf(element).lit;
        if (term === null) return;
        for (const element of root.current?.querySelectorAll(`[data-term="${term}"]`) ?? []) {
          dataOf(element).lit = "";
        }
      }),
    [root],
  );
}

const dataOf = (element: Element) => (element as HTMLElement).dataset;

/** The number of the term that an element shows. */
export function termAt(target: EventTarget | null): number | null {
  const element = target instanceof Element ? target.closest<HTMLElement>("[data-term]") : null;
  return element ? Number(element.dataset.term) : null;
}

/** Light the term under the pointer or the focus, and go to it at a click. For the element around all terms. */
export const termHandlers = {
  onPointerOver: (event: PointerEvent) => {
    if (event.pointerType !== "touch") litTerm.value = termAt(event.target);
  },
  onPointerLeave: (event: PointerEvent) => {
    if (event.pointerType !== "touch") litTerm.value = null;
  },
  onFocusIn: (event: FocusEvent) => {
    if (termAt(event.target) !== null) litTerm.value = termAt(event.target);
  },
  onClick: (event: MouseEvent) => {
    const term = termAt(event.target);
    if (term !== null) pressTerm(term);
  },
};

/** A finger cannot point: its first touch lights a term, its second opens it. A mouse has lit it before it presses. */
export function pressTerm(term: number): void {
  if (litTerm.peek() === term) openTerm(term);
  else litTerm.value = term;
}

function openTerm(term: number): void {
  const here = opened.peek();
  if (here === null || typeof here === "string" || !here.explanation) return;
  const unit = unitOf(here.explanation.terms[term]);
  if (unit) jumpTo(unit);
}

/** A term in full: what it is, and its arithmetic. */
export function termText(term: Term, explanation: Explanation): string {
  const product = printed(term.units, explanation.decimals);
  switch (explanation.form.kind) {
    case "normalisation": {
      const largest = explanation.addends[0].value;
      return `e^(${exact(term.value)} \u2212 ${bracketed(largest)}) = ${product}`;
    }
    case "standardisation": {
      const mean = explanation.addends[0].value;
      return `(${exact(term.value)} \u2212 ${bracketed(mean)})² / ${explanation.terms.length} = ${product}`;
    }
    case "reduction": {
      const mean = explanation.form.function === "variance" ? explanation.addends[0].value : 0;
      if (explanation.form.function === "norm") return `(${exact(term.value)})² = ${product}`;
      if (explanation.form.function === "variance")
        return `from (${exact(term.value)} \u2212 ${bracketed(mean)})²: ${product}`;
      return term.weight === null
        ? product
        : `${exact(term.value)} \u00d7 ${bracketed(term.weight)} = ${product}`;
    }
    case "weighted_sum":
      return `${exact(term.value)} \u00d7 ${bracketed(term.weight ?? 1)} = ${product}`;
    default:
      if (term.weight !== null) return `${exact(term.value)} \u00d7 ${bracketed(term.weight)} = ${product}`;
      return product;
  }
}

/** One line that says what is pointed at, always in reach. */
export function ReadingLine({ explanation }: { explanation: Explanation }) {
  const term = litTerm.value === null ? undefined : explanation.terms[litTerm.value];
  return (
    <p class="reading-line" aria-live="polite">
      {term ? (
        <>
          <span class="reading-name">{readName(term)}</span>
          <span class="number">{termText(term, explanation)}</span>
        </>
      ) : (
        <span class="quiet">
          Point at a number to see all its digits and where it comes from; press it to go there.
        </span>
      )}
    </p>
  );
}
