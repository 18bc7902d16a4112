// The end of a sum: its parts as printed, what is added beside them, the total, and the check against what the net computed.

import type { ComponentChild } from "preact";
import type { Addend, Explanation } from "../explain.ts";
import { bound, printed } from "../numbers.ts";

export interface Part {
  readonly name: string;
  readonly units: number;
  readonly role: "subtotal" | "terms";
  readonly channel?: number;
}

interface Props {
  readonly explanation: Explanation;
  /** What is listed above the bias. */
  readonly parts: readonly Part[];
  /** The row of the parts that are folded into one, if any are. */
  readonly folded?: ComponentChild;
}

const ADDENDS: Readonly<Record<Addend["name"], string>> = {
  bias: "bias",
  shift: "shift",
  constant: "constant",
  largest: "the largest",
  padding: "padding",
  mean: "mean",
  variance: "variance",
  epsilon: "epsilon",
  scale: "scale",
};

/** A column that adds up, digit by digit. */
export function Total({ explanation, parts, folded }: Props) {
  const { decimals, addends } = explanation;
  const largest = [...parts, ...addends].reduce((most, part) => Math.max(most, Math.abs(part.units)), 0);
  return (
    <div class="total">
      <table>
        <caption>Added up</caption>
        <tbody>
          {parts.map((part) => (
            <tr key={part.name}>
              <th scope="row">{part.name}</th>
              <BarCell units={part.units} largest={largest} />
              <td class="number" data-role={part.role} data-channel={part.channel}>
                {printed(part.units, decimals)}
              </td>
            </tr>
          ))}
          {folded}
          {addends.map((addend) => (
            <tr key={addend.name}>
              <th scope="row">{ADDENDS[addend.name]}</th>
              <BarCell units={addend.units} largest={largest} />
              <td class="number" data-role={addend.name}>
                {printed(addend.units, decimals)}
              </td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" colSpan={2}>
              total
            </th>
            <td class="number" data-role="total">
              {printed(explanation.units.total, decimals)}
            </td>
          </tr>
        </tfoot>
      </table>
      <Check explanation={explanation} />
    </div>
  );
}

interface FoldedRowProps {
  /** "smaller terms" */
  readonly what: string;
  readonly folded: readonly { readonly units: number }[];
  /** Their sum, in units of the last decimal. */
  readonly units: number;
  readonly decimals: number;
  /** Columns between the name and the number, that have nothing to say here. */
  readonly columns?: number;
  readonly onUnfold: () => void;
}

/** Many small parts as one number, until they are unfolded. */
export function FoldedRow({ what, folded, units, decimals, columns = 1, onUnfold }: FoldedRowProps) {
  return (
    <tr class="folded">
      <th scope="row" colSpan={1 + columns}>
        <button type="button" data-role="unfold" aria-expanded={false} onClick={onUnfold}>
          + {folded.length} {what}
        </button>
      </th>
      <td
        class="number"
        data-role="folded"
        data-terms={folded.map((part) => printed(part.units, decimals)).join(" ")}
      >
        {printed(units, decimals)}
      </td>
    </tr>
  );
}

/** How much a part counts, to the left of zero or to the right. */
export function BarCell({ units, largest }: { units: number; largest: number }) {
  const share = largest > 0 ? Math.abs(units) / largest : 0;
  const side = units < 0 ? { right: "50%" } : { left: "50%" };
  return (
    <td class="amount" aria-hidden="true">
      <span class={units < 0 ? "below" : "above"} style={{ width: `${50 * share}%`, ...side }} />
    </td>
  );
}

/** What the net recorded, how far that is from the total, and how far it may be. */
export function Check({ explanation }: { explanation: Explanation }) {
  const { decimals, units, tolerance, closes } = explanation;
  return (
    <div class={closes ? "closing" : "closing fails"}>
      <table>
        <tbody>
          <tr>
            <th scope="row">PyTorch recorded</th>
            <td class="number" data-role="recorded">
              {printed(units.recorded, decimals)}
            </td>
          </tr>
          <tr>
            <th scope="row">difference</th>
            <td class="number" data-role="difference">
              {printed(units.difference, decimals)}
            </td>
          </tr>
          <tr>
            <th scope="row">tolerance</th>
            <td class="number" data-role="tolerance">
              {bound(tolerance, decimals)}
            </td>
          </tr>
        </tbody>
      </table>
      <p data-role="closes">
        {closes ? verdict(tolerance) : "✗ Does not close: the net computed something else."}
      </p>
    </div>
  );
}

function verdict(tolerance: number): string {
  if (tolerance === 0) return "✓ Exact: nothing is rounded here.";
  return "✓ Closes: within what float32 rounds.";
}
