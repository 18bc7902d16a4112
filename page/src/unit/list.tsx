// A weighted sum whose terms stand in no window: a fully connected layer, a 1 x 1 convolution, a scale and shift, an addition.
// The largest terms as a list, the others folded; and pictures of all of them.

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { largest } from "../colour.ts";
import { type Explanation, fold, type Term } from "../explain.ts";
import { indexAt, placeOf } from "../indexing.ts";
import { bracketed, exact, printed } from "../numbers.ts";
import * as state from "../state.ts";
import { originOf, readName } from "./names.ts";
import { at, coloured, columnsOf, Frame, Pixels, type Spot } from "./picture.tsx";
import { Scale } from "./scale.tsx";
import { limitOf, limitOfWeights, litTerm, type Opened } from "./sight.ts";
import { pressTerm, termText } from "./term.tsx";
import { BarCell, FoldedRow, Total } from "./total.tsx";

/** More terms than this are folded. */
const MOST_TERMS = 12;

/** Unfolded, no more than this are listed: a table of more rows helps nobody and stops the page. */
const MOST_LISTED = 2000;

interface Props {
  readonly opened: Opened;
  readonly explanation: Explanation;
}

export function TermList({ opened, explanation }: Props) {
  const isUnfolded = useSignal(false);
  const { terms, decimals } = explanation;
  const { shown, folded, units } = fold(terms, isUnfolded.value ? MOST_LISTED : MOST_TERMS);
  const number = useMemo(() => new Map(terms.map((term, i) => [term, i])), [terms]);
  const ofTerms = terms.reduce((sum, term) => sum + term.units, 0);
  const widest = terms.reduce((most, term) => Math.max(most, Math.abs(term.units)), 0);
  return (
    <div class="sum">
      <div class="terms">
        {terms.length > 2 * MOST_TERMS && <AllTerms {...{ opened, explanation }} />}
        <table class="term-list">
          <caption>{folded.length ? `The ${shown.length} largest terms` : "Terms"}</caption>
          <thead>
            <tr>
              <th scope="col">read from</th>
              <th scope="col">value × weight</th>
              <th scope="col" colSpan={2}>
                product
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((term) => (
              <tr key={number.get(term)} data-term={number.get(term)}>
                <th scope="row">
                  <button
                    type="button"
                    class="place"
                    aria-label={`${readName(term)}: ${termText(term, explanation)}`}
                  >
                    {readName(term)}
                  </button>
                  <Origin opened={opened} term={term} />
                </th>
                <td class="number factors">
                  {exact(term.value)} × {bracketed(term.weight ?? 1)}
                </td>
                <BarCell units={term.units} largest={widest} />
                <td class="number" data-role="term">
                  {printed(term.units, decimals)}
                </td>
              </tr>
            ))}
            {folded.length > 0 && (
              <FoldedRow
                {...{ folded, units, decimals }}
                what="smaller terms"
                columns={2}
                onUnfold={() => {
                  isUnfolded.value = true;
                }}
              />
            )}
          </tbody>
        </table>
      </div>
      <Total
        explanation={explanation}
        parts={[
          { name: `${terms.length} ${terms.length === 1 ? "term" : "terms"}`, units: ofTerms, role: "terms" },
        ]}
      />
    </div>
  );
}

/** Of a number that was only moved: the unit that made it. */
function Origin({ opened: { sight }, term }: { opened: Opened; term: Term }) {
  const origin = originOf(term, sight.net.calls, sight.shapes, sight.numbers.weights);
  return (
    origin && (
      <small class="quiet">
        {" "}
        from {origin.layer} {origin.index.join(", ")}
      </small>
    )
  );
}

/** Where the terms lie in a picture of all of them: the maps that a reshape took them from, side by side. */
interface Tiling {
  readonly rows: number;
  readonly columns: number;
  readonly spots: readonly Spot[];
}

function tiling({ sight }: Opened, terms: readonly Term[]): Tiling {
  const before = sight.net.calls.find(({ output }) => output === terms[0].key);
  const form = before?.form?.kind === "rearrangement" && before.form.how === "reshape" ? before.form : null;
  const maps = form && sight.shapes(form.inputs[0]);
  if (!before || !form || maps?.length !== 4) {
    const columns = columnsOf(terms.length);
    const spots = terms.map((_, i) => ({ row: Math.floor(i / columns), column: i % columns }));
    return { rows: Math.ceil(terms.length / columns), columns, spots };
  }
  return tileMaps(terms, { maps, output: sight.shapes(before.output) });
}

function tileMaps(
  terms: readonly Term[],
  shapes: { readonly maps: readonly number[]; readonly output: readonly number[] },
): Tiling {
  const [, channels, rows, columns] = shapes.maps;
  const across = Math.ceil(Math.sqrt(channels));
  const spots = terms.map((term) => {
    const [channel, row, column] = indexAt(placeOf(term.index, shapes.output), shapes.maps).slice(1);
    return {
      row: Math.floor(channel / across) * (rows + 1) + row,
      column: (channel % across) * (columns + 1) + column,
    };
  });
  return {
    rows: Math.ceil(channels / across) * (rows + 1) - 1,
    columns: across * (columns + 1) - 1,
    spots,
  };
}

/** All values, all weights and all products, as pictures. */
function AllTerms({ opened, explanation }: Props) {
  const { terms, form } = explanation;
  const tiles = useMemo(() => tiling(opened, terms), [opened, terms]);
  const byPlace = useMemo(
    () => new Map(tiles.spots.map(({ row, column }, i) => [row * tiles.columns + column, i])),
    [tiles],
  );
  const key = terms[0].key;
  const weightKey = form.kind === "weighted_sum" ? form.weight : null;
  const products = terms.map((term) => term.product);
  const pictures = [
    { name: "values", data: terms.map((term) => term.value), limit: limitOf.value(key, 0) },
    {
      name: "weights",
      data: terms.map((term) => term.weight ?? 1),
      limit: limitOfWeights(opened.sight, weightKey),
    },
    { name: "products", data: products, limit: largest(products) },
  ];
  const lit = litTerm.value === null ? undefined : tiles.spots[litTerm.value];
  return (
    <div class="all-terms">
      {pictures.map(({ name, data, limit }, i) => (
        <figure key={name}>
          <figcaption>
            {i > 0 && <span class="sign">{i === 1 ? "×" : "="}</span>}
            {name} <Scale limit={limit} of={name} />
          </figcaption>
          <Pixels
            rows={tiles.rows}
            columns={tiles.columns}
            pixels={placed(tiles, coloured(data, { start: 0, length: data.length }, limit, state.ramp.value))}
            label={`All ${data.length} ${name}`}
            onPoint={(spot) => {
              litTerm.value = spot ? (byPlace.get(spot.row * tiles.columns + spot.column) ?? null) : null;
            }}
            onPick={(spot, isDrag) => {
              const term = byPlace.get(spot.row * tiles.columns + spot.column);
              if (term !== undefined && !isDrag) pressTerm(term);
            }}
          >
            {lit && <Frame area={at(lit)} kind="term" />}
          </Pixels>
        </figure>
      ))}
    </div>
  );
}

function placed({ rows, columns, spots }: Tiling, colours: Uint32Array): Uint32Array {
  const pixels = new Uint32Array(rows * columns);
  for (const [i, { row, column }] of spots.entries()) pixels[row * columns + column] = colours[i];
  return pixels;
}
