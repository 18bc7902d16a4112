// A number's distance to the mean of its set, in standard deviations: layer, group and instance normalisation.

import type { Addend, Explanation } from "../explain.ts";
import { exact, printed } from "../numbers.ts";
import type { Standardisation } from "../types.ts";
import { readName } from "./names.ts";
import { Source, TermButton } from "./others.tsx";
import type { Opened } from "./sight.ts";
import { Check } from "./total.tsx";

interface Props {
  readonly opened: Opened;
  readonly explanation: Explanation;
  readonly form: Standardisation;
}

export function StandardisationPart({ opened, explanation, form }: Props) {
  const { terms, addends, winner, units, decimals } = explanation;
  const own = winner ?? 0;
  const addend = (name: Addend["name"]) => addends.find((one) => one.name === name)?.value ?? 0;
  const channel = terms[own].index[1];
  const beside = terms.filter((term) => term.index.length < 3 || term.index[1] === channel);
  return (
    <div class="sum">
      <div class="side-by-side">
        <Source opened={opened} terms={beside} winner={beside.indexOf(terms[own])} />
        <div>
          <h3>{readName(terms[own])}</h3>
          <TermButton term={terms[own]} number={own} explanation={explanation} shown="value" />
          <p>
            It is measured by {terms.length} numbers, itself among them: how far it lies from their mean, in
            their standard deviations.
          </p>
        </div>
      </div>
      <div class="total">
        <table>
          <tbody>
            <Line name="the number" value={exact(terms[own].value)} />
            <Line name="mean" value={exact(addend("mean"))} />
            <Line
              name={`variance, of ${terms.length} squares`}
              value={printed(units.sum ?? 0, decimals)}
              shownAs="sum"
            />
            <Line name="epsilon, added to it" value={exact(form.epsilon)} />
            {form.weight !== null && <Line name="scale" value={exact(addend("scale"))} />}
            {form.bias !== null && <Line name="bias" value={exact(addend("bias"))} />}
          </tbody>
          <tfoot>
            <Line name="value" value={printed(units.total, decimals)} shownAs="total" />
          </tfoot>
        </table>
        <Check explanation={explanation} />
      </div>
    </div>
  );
}

function Line({ name, value, shownAs }: { name: string; value: string; shownAs?: string }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td class="number" data-role={shownAs}>
        {value}
      </td>
    </tr>
  );
}
