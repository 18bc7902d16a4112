// A softmax spelt out: every score, its exponential, their sum, and the quotient.

import { useSignal } from "@preact/signals";
import { type Explanation, fold } from "../explain.ts";
import { numbers } from "../forms.ts";
import { placeOf } from "../indexing.ts";
import { decimal, exact, printed } from "../numbers.ts";
import type { Normalisation } from "../types.ts";
import { layerOf, readName } from "./names.ts";
import { classesOf, type Opened } from "./sight.ts";
import { termText } from "./term.tsx";
import { Check, FoldedRow } from "./total.tsx";

/** More classes than this are folded. */
const MOST_CLASSES = 12;

interface Props {
  readonly opened: Opened;
  readonly explanation: Explanation;
  readonly form: Normalisation;
}

export function Softmax({ opened, explanation, form }: Props) {
  const isUnfolded = useSignal(false);
  const { terms, decimals, units, winner } = explanation;
  const { shown, folded, units: rest } = fold(terms, isUnfolded.value ? terms.length : MOST_CLASSES);
  const classes = classesOf(opened.unit.layer);
  const own = terms[winner ?? 0];
  const probability = probabilityOf(opened, explanation);
  const largest = explanation.addends[0].value;
  return (
    <div class="sum">
      <div class="terms">
        <table class="term-list softmax">
          <caption>
            Every score x, and e<sup>x − m</sup> with m = {exact(largest)}, the largest of them
          </caption>
          <thead>
            <tr>
              <th scope="col">{classes.length ? "class" : layerOf(form.input)}</th>
              <th scope="col">score x</th>
              <th scope="col">
                e<sup>x − m</sup>
              </th>
              <th scope="col">share of the sum</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((term) => {
              const share = probability(term.index);
              const number = terms.indexOf(term);
              return (
                <tr key={number} data-term={number} class={number === winner ? "own" : ""}>
                  <th scope="row">
                    <button
                      type="button"
                      class="place"
                      aria-label={`${readName(term)}: ${termText(term, explanation)}`}
                    >
                      {classes[term.index[form.axis]] ?? readName(term)}
                    </button>
                  </th>
                  <td class="number">{exact(term.value)}</td>
                  <td class="number" data-role="term">
                    {printed(term.units, decimals)}
                  </td>
                  <td class="share">
                    <span class="share-bar" style={{ width: `${100 * share}%` }} />
                    <span class="number">{(100 * share).toFixed(2)} %</span>
                  </td>
                </tr>
              );
            })}
            {folded.length > 0 && (
              <FoldedRow
                {...{ folded, decimals }}
                units={rest}
                what="smaller"
                onUnfold={() => {
                  isUnfolded.value = true;
                }}
              />
            )}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={2}>
                sum of the exponentials
              </th>
              <td class="number" data-role="sum">
                {printed(units.sum ?? 0, decimals)}
              </td>
              <td />
            </tr>
          </tfoot>
        </table>
      </div>
      <div class="total">
        <p class="quotient">{quotient(explanation, form)}</p>
        <table>
          <tfoot>
            <tr>
              <th scope="row">{form.function === "softmax" ? "probability" : "log-probability"}</th>
              <td class="number" data-role="total">
                {printed(units.total, decimals)}
              </td>
            </tr>
          </tfoot>
        </table>
        <p class="quiet">
          {readName(own)} is its own score; the larger it is beside the others, the larger its share.
        </p>
        <Check explanation={explanation} />
      </div>
    </div>
  );
}

/** The share of the sum of each, as the net recorded it. */
function probabilityOf(opened: Opened, { call, form }: Explanation): (index: readonly number[]) => number {
  const data = numbers(opened.sight.trace.activations, call.output);
  const isLog = form.kind === "normalisation" && form.function === "log_softmax";
  return (index) => {
    const recorded = data[placeOf(index, opened.shape)];
    return isLog ? Math.exp(recorded) : recorded;
  };
}

function quotient(
  { terms, winner, units, decimals, addends, total }: Explanation,
  form: Normalisation,
): string {
  const own = terms[winner ?? 0];
  const sum = printed(units.sum ?? 0, decimals);
  if (form.function === "softmax")
    return `${printed(own.units, decimals)} / ${sum} = ${decimal(total, decimals)}`;
  return `${exact(own.value)} − ${exact(addends[0].value)} − ln ${sum} = ${decimal(total, decimals)}`;
}
