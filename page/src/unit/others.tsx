// The forms that are no weighted sum: the largest of a window, a function of one number, a product, quotient or power, a
// number moved, and a call that has no form.

import type { ComponentChildren } from "preact";
import { cssColour, inkOn } from "../colour.ts";
import { channelsOf, type Explanation, type Term } from "../explain.ts";
import { FUNCTIONS } from "../functions.ts";
import { decimal, exact, printed } from "../numbers.ts";
import * as state from "../state.ts";
import type { Maximum, Pointwise, Rearrangement } from "../types.ts";
import { Curve } from "./curve.tsx";
import { layerOf, readName } from "./names.ts";
import { at, Frame, MapPicture, spotOf } from "./picture.tsx";
import { limitOf, litTerm, type Opened } from "./sight.ts";
import { Check } from "./total.tsx";

interface Props<Form> {
  readonly opened: Opened;
  readonly explanation: Explanation;
  readonly form: Form;
}

/** A map with some of its numbers framed. */
export function Source({
  opened,
  terms,
  winner,
}: {
  opened: Opened;
  terms: readonly Term[];
  winner: number | null;
}) {
  const [{ key, index }] = terms;
  if (!key.startsWith("activation/")) return null;
  const shape = opened.sight.shapes(key);
  const spots = terms.map((term) => spotOf(term.index, shape));
  const rows = spots.map(({ row }) => row);
  const columns = spots.map(({ column }) => column);
  const channel = shape.length > 2 ? index[1] : 0;
  const name = shape.length > 2 ? `${layerOf(key)}, channel ${channel}` : layerOf(key);
  return (
    <figure class="source">
      <figcaption>{name}</figcaption>
      <MapPicture
        sight={opened.sight}
        name={key}
        channel={channel}
        label={`${name}, with what is read framed`}
      >
        <Frame
          area={{
            rows: [Math.min(...rows), Math.max(...rows) + 1],
            columns: [Math.min(...columns), Math.max(...columns) + 1],
          }}
          kind="field"
        />
        {winner !== null && spots.length > 1 && <Frame area={at(spots[winner])} kind="winner" />}
        {litTerm.value !== null && spots[litTerm.value] && (
          <Frame area={at(spots[litTerm.value])} kind="term" />
        )}
      </MapPicture>
    </figure>
  );
}

/** A number that one can go to, in its colour. */
export function TermButton({ term, number, explanation, shown = "product", children }: TermButtonProps) {
  const text = shown === "value" ? exact(term.value) : printed(term.units, explanation.decimals);
  const channel = term.index.length > 2 ? term.index[1] : 0;
  const limit = limitOf.value(term.key, channel);
  const background = cssColour(term.value, limit, state.ramp.value);
  return (
    <button
      type="button"
      class="cell big"
      data-role="term"
      data-term={number}
      aria-label={`${readName(term)}: ${text}`}
      style={{ background, color: inkOn(term.value, limit, state.ramp.value) }}
    >
      {text}
      {children}
    </button>
  );
}

interface TermButtonProps {
  readonly term: Term;
  readonly number: number;
  readonly explanation: Explanation;
  /** What stands on it: the number read, or what it adds. */
  readonly shown?: "value" | "product";
  readonly children?: ComponentChildren;
}

/** The value and its check. */
export function Result({ explanation }: { explanation: Explanation }) {
  return (
    <div class="total">
      <table>
        <tfoot>
          <tr>
            <th scope="row">value</th>
            <td class="number" data-role="total">
              {printed(explanation.units.total, explanation.decimals)}
            </td>
          </tr>
        </tfoot>
      </table>
      <Check explanation={explanation} />
    </div>
  );
}

export function MaximumPart({ opened, explanation, form }: Props<Maximum>) {
  const [channel] = channelsOf(explanation, form, opened.sight.shapes);
  const { terms, winner } = explanation;
  const won = terms[winner ?? 0];
  const ties = terms.filter((term) => term.value === won.value).length;
  const columns = form.kernel[form.kernel.length - 1];
  return (
    <div class="sum">
      <div class="side-by-side">
        <Source opened={opened} terms={terms} winner={winner} />
        <div>
          <h3>The window: {terms.length} numbers</h3>
          <div class="cells maximum" style={{ "--columns": columns }}>
            {channel.taps.map((tap, i) => {
              if (!tap) return <span key={i} class="cell outside" title="Outside the input: not read" />;
              const number = terms.indexOf(tap);
              return (
                <div key={i} class={number === winner ? "slot winner" : "slot"}>
                  <TermButton term={tap} number={number} explanation={explanation}>
                    {number === winner && <span class="badge">largest</span>}
                  </TermButton>
                </div>
              );
            })}
          </div>
          <p>
            The largest is {readName(won)}.
            {ties > 1 && ` ${ties} are equal: the first of them, row by row, is taken.`}
          </p>
        </div>
      </div>
      <Result explanation={explanation} />
    </div>
  );
}

type FunctionName = Exclude<Pointwise["function"], "add" | ProductName>;

/** What a function of one number does to it. */
function doing(form: Pointwise & { function: FunctionName }, [{ value }, slope]: readonly Term[]): string {
  const { title } = FUNCTIONS[form.function];
  switch (form.function) {
    case "relu":
      return value > 0 ? "It is positive: ReLU lets it through." : "It is not positive: ReLU makes it 0.";
    case "leaky_relu":
      return value > 0
        ? "It is positive: leaky ReLU lets it through."
        : `It is not positive: leaky ReLU makes it ${exact(form.constant ?? slope.value)} times that.`;
    case "clamp":
      if (value < (form.low ?? value)) return `It is below ${exact(form.low ?? 0)}, and becomes that.`;
      if (value > (form.high ?? value)) return `It is above ${exact(form.high ?? 0)}, and becomes that.`;
      return "It is within the bounds, and goes through.";
    case "tanh":
      return "tanh squeezes it between −1 and 1.";
    case "sigmoid":
      return "The sigmoid squeezes it between 0 and 1.";
    default:
      return `It becomes its ${title}.`;
  }
}

/** ReLU, tanh and their like: a function of one number, drawn with the number on it. */
export function FunctionPart({ opened, explanation, form }: Props<Pointwise & { function: FunctionName }>) {
  const [term] = explanation.terms;
  return (
    <div class="sum">
      <div class="side-by-side">
        <Source opened={opened} terms={[term]} winner={null} />
        <div>
          <h3>{readName(term)}</h3>
          <TermButton term={term} number={0} explanation={explanation} />
          <p>{doing(form, explanation.terms)}</p>
        </div>
        <Curve form={form} values={explanation.terms.map(({ value }) => value)} result={explanation.total} />
      </div>
      <Result explanation={explanation} />
    </div>
  );
}

type ProductName = "multiply" | "divide" | "power" | "maximum" | "minimum" | "multiply_add";

const SIGNS: Readonly<Record<ProductName, string>> = {
  multiply: "×",
  divide: "÷",
  power: "to the power of",
  maximum: "or, if larger,",
  minimum: "or, if smaller,",
  multiply_add: "×",
};

/** A product, a quotient or a power of numbers at the same place. */
export function ProductPart({ opened, explanation, form }: Props<Pointwise & { function: ProductName }>) {
  const sign = SIGNS[form.function];
  return (
    <div class="sum">
      <div class="side-by-side">
        {explanation.terms.map((term, i) => (
          <div key={i} class="factor">
            {i > 0 && <span class="sign">{i === 1 && form.function === "multiply_add" ? "+" : sign}</span>}
            <div>
              <Source opened={opened} terms={[term]} winner={null} />
              <h3>{readName(term)}</h3>
              <TermButton term={term} number={i} explanation={explanation} />
            </div>
          </div>
        ))}
        {form.constant !== null && (
          <div class="factor">
            <span class="sign">{sign}</span>
            <span class="number" data-role="constant">
              {exact(form.constant)}
            </span>
          </div>
        )}
      </div>
      <Result explanation={explanation} />
    </div>
  );
}

const MOVES: Readonly<Record<Rearrangement["how"], string>> = {
  reshape: "The same numbers in the same order, in another shape.",
  concatenate: "Several layers, one after the other.",
  stack: "Several layers, side by side along a new axis.",
  gather: "Numbers of the layer, each taken from its place.",
  permute: "The same numbers with their axes in another order.",
  slice: "A part of the layer, cut out.",
  pad: "The layer with a border around it.",
  strided: "Numbers of the layer, taken from their places.",
};

export function RearrangementPart({ opened, explanation, form }: Props<Rearrangement>) {
  const [term] = explanation.terms;
  return (
    <div class="sum">
      {term ? (
        <div class="side-by-side">
          <Source opened={opened} terms={explanation.terms} winner={null} />
          <div>
            <p>{MOVES[form.how]} Nothing is computed. This number is</p>
            <h3>{readName(term)}</h3>
            <TermButton term={term} number={0} explanation={explanation} />
          </div>
        </div>
      ) : (
        <p>
          {MOVES[form.how]} This number is not taken from it: it is {exact(explanation.total)} whatever the
          net reads.
        </p>
      )}
      <Result explanation={explanation} />
    </div>
  );
}

/** A call that no form describes, or a number of the input: its value is known, its arithmetic is not told. */
export function Unexplained({ opened }: { opened: Opened }) {
  const { call, value } = opened;
  return (
    <div class="unexplained">
      {call ? (
        <p>
          <strong>Unsupported.</strong> {call.reason ?? "This operator has no form yet."}{" "}
          <code>{call.operator}</code>
        </p>
      ) : (
        <InputWords opened={opened} />
      )}
      <p>
        Recorded value:{" "}
        <span class="number" data-role="recorded">
          {decimal(value, 8)}
        </span>
      </p>
    </div>
  );
}

/** How a number of the input comes from its pixel. */
function InputWords({ opened }: { opened: Opened }) {
  const preprocessing = state.summary.value?.preprocessing;
  const image = opened.sight.trace.image;
  const [channel, row, column] = opened.unit.index;
  if (!preprocessing || image.shape.length !== opened.unit.index.length)
    return <p>A number that the net reads.</p>;
  const pixel = Number(image.data[(channel * image.shape[1] + row) * image.shape[2] + column]);
  const mean = preprocessing.mean[channel] ?? 0;
  const deviation = preprocessing.deviation[channel] ?? 1;
  return (
    <p>
      A number that the net reads: the pixel there is {pixel} of 255, normalised as ({pixel} / 255 −{" "}
      {exact(mean)}) / {exact(deviation)}.
    </p>
  );
}
