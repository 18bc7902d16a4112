// The unit view: any one number of the network, and all the arithmetic that made it.

import "../unit.css";
import { useEffect, useRef } from "preact/hooks";
import { isTyping, STEPS } from "../keys.ts";
import * as state from "../state.ts";
import type { Pointwise } from "../types.ts";
import { After } from "../unit/after.tsx";
import { Formula } from "../unit/formula.tsx";
import { FieldFigure, Header, layerShapes, OwnMapFigure } from "../unit/header.tsx";
import { TermList } from "../unit/list.tsx";
import { unitOf } from "../unit/names.ts";
import { FunctionPart, MaximumPart, ProductPart, RearrangementPart, Unexplained } from "../unit/others.tsx";
import { ReductionPart } from "../unit/reduction.tsx";
import { jumpTo, litTerm, type Opened, opened, slideTo } from "../unit/sight.ts";
import { followSliding, isSliding } from "../unit/sliding.ts";
import { Softmax } from "../unit/softmax.tsx";
import { StandardisationPart } from "../unit/standardisation.tsx";
import { stepFrom } from "../unit/steps.ts";
import { ReadingLine, termHandlers, useLitTerm } from "../unit/term.tsx";
import { Windows } from "../unit/windows.tsx";

export function UnitView() {
  const root = useRef<HTMLElement>(null);
  useEffect(followSliding, []);
  useEffect(followKeys, []);
  useLitTerm(root);
  const here = opened.value;
  return (
    <main
      class="unit-view"
      tabIndex={-1}
      ref={root}
      onPointerDownCapture={(event) => {
        const onButton = event.target instanceof Element && event.target.closest(".slide");
        if (!onButton) isSliding.value = false;
      }}
    >
      {here === null && <p class="waiting">{state.waiting.value ?? "Tracing the network ..."}</p>}
      {typeof here === "string" && <p class="waiting">{here}</p>}
      {here !== null && typeof here !== "string" && <Unit opened={here} />}
    </main>
  );
}

function Unit({ opened: here }: { opened: Opened }) {
  return (
    <>
      <Header opened={here} />
      <div class="places">
        <FieldFigure opened={here} />
        <OwnMapFigure opened={here} />
        <div class="told">
          <Formula opened={here} />
          <After opened={here} />
        </div>
      </div>
      <section class="arithmetic" aria-label="The arithmetic" {...termHandlers}>
        <Arithmetic opened={here} />
      </section>
      {here.explanation && <ReadingLine explanation={here.explanation} />}
    </>
  );
}

/** The form's own picture. */
function Arithmetic({ opened: here }: { opened: Opened }) {
  const { explanation } = here;
  if (!explanation) return <Unexplained opened={here} />;
  const { form } = explanation;
  const both = { opened: here, explanation };
  switch (form.kind) {
    case "weighted_sum":
      return form.kernel.some((length) => length > 1) && !form.transposed ? (
        <Windows {...both} form={form} />
      ) : (
        <TermList {...both} />
      );
    case "maximum":
      return <MaximumPart {...both} form={form} />;
    case "pointwise":
      return <PointwisePart opened={here} form={form} />;
    case "normalisation":
      return <Softmax {...both} form={form} />;
    case "contraction":
    case "resampling":
      return <TermList {...both} />;
    case "reduction":
      return form.function === "sum" || form.function === "mean" ? (
        <TermList {...both} />
      ) : (
        <ReductionPart {...both} form={form} />
      );
    case "standardisation":
      return <StandardisationPart {...both} form={form} />;
    case "rearrangement":
      return <RearrangementPart {...both} form={form} />;
  }
}

function PointwisePart({ opened: here, form }: { opened: Opened; form: Pointwise }) {
  const { explanation } = here;
  if (!explanation) return null;
  const both = { opened: here, explanation };
  const name = form.function;
  if (name === "add") return <TermList {...both} />;
  if (
    name === "maximum" ||
    name === "minimum" ||
    name === "multiply_add" ||
    name === "multiply" ||
    name === "divide" ||
    name === "power"
  )
    return <ProductPart {...both} form={{ ...form, function: name }} />;
  return <FunctionPart {...both} form={{ ...form, function: name }} />;
}

/** Keys of this view; Esc, which leaves it, is the page's. */
function followKeys(): () => void {
  window.addEventListener("keydown", press);
  return () => window.removeEventListener("keydown", press);
}

function press(event: KeyboardEvent): void {
  if (event.defaultPrevented || isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey)
    return;
  if (act(event.key, event.target instanceof HTMLButtonElement)) event.preventDefault();
}

/** Do what a key stands for; false if it stands for nothing here. A button keeps Enter and Space for itself. */
function act(key: string, isButton: boolean): boolean {
  const here = opened.peek();
  if (here === null || typeof here === "string") return false;
  if (key === " " && !isButton) isSliding.value = !isSliding.peek();
  else if (key === "Enter" && !isButton) return enter(here);
  else if (key in STEPS) {
    isSliding.value = false;
    litTerm.value = null;
    const next = stepFrom(here.unit, STEPS[key], layerShapes());
    if (next.layer === here.unit.layer) slideTo(next);
    else jumpTo(next);
  } else return false;
  return true;
}

/** Go in: to the term that counts most. */
function enter({ explanation }: Opened): boolean {
  if (!explanation || explanation.terms.length === 0) return false;
  const { terms, winner } = explanation;
  const largest = terms.reduce((most, term) => (Math.abs(term.units) > Math.abs(most.units) ? term : most));
  const unit = unitOf(winner === null ? largest : terms[winner]);
  if (unit) jumpTo(unit);
  return unit !== null;
}
