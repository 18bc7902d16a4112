// One number of many: the largest or smallest of them, their norm, their variance.

import { type Explanation, fold } from "../explain.ts";
import { exact, printed } from "../numbers.ts";
import type { Reduction } from "../types.ts";
import { readName } from "./names.ts";
import { Result, Source, TermButton } from "./others.tsx";
import type { Opened } from "./sight.ts";

/** More numbers than this are not shown as buttons. */
const MOST_SHOWN = 24;

interface Props {
  readonly opened: Opened;
  readonly explanation: Explanation;
  readonly form: Reduction;
}

const WORDS = {
  sum: "They are added up.",
  mean: "Their mean is taken.",
  maximum: "The largest of them is taken.",
  minimum: "The smallest of them is taken.",
  norm: "Their squares are added up, and the root of that is taken.",
  variance: "Their squared distances to their mean are added up, each divided by their count.",
} as const;

export function ReductionPart({ opened, explanation, form }: Props) {
  const { terms, winner, addends, units, decimals } = explanation;
  const won = winner === null ? null : terms[winner];
  const shown = won ? [won] : fold(terms, MOST_SHOWN).shown;
  const channel = terms[winner ?? 0].index[1];
  const beside = terms.filter((term) => term.index.length < 3 || term.index[1] === channel);
  return (
    <div class="sum">
      <div class="side-by-side">
        <Source opened={opened} terms={beside} winner={won ? beside.indexOf(won) : null} />
        <div>
          <h3>{terms.length} numbers</h3>
          <p>
            {WORDS[form.function]}
            {won && ` It is ${readName(won)}.`}
            {!won && shown.length < terms.length && ` The ${shown.length} that count most:`}
          </p>
          <div class="cells" style={{ "--columns": Math.min(4, shown.length) }}>
            {shown.map((term) => (
              <TermButton
                key={terms.indexOf(term)}
                term={term}
                number={terms.indexOf(term)}
                explanation={explanation}
                shown={won ? "product" : "value"}
              />
            ))}
          </div>
          {addends.map(({ name, value }) => (
            <p key={name}>
              {name}: <span class="number">{exact(value)}</span>
            </p>
          ))}
          {units.sum !== null && (
            <p>
              sum of the squares:{" "}
              <span class="number" data-role="sum">
                {printed(units.sum, decimals)}
              </span>
            </p>
          )}
        </div>
      </div>
      <Result explanation={explanation} />
    </div>
  );
}
