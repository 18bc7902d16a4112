// A weighted sum over windows: of every channel the window, the filter and their products, and the subtotal.

import { useSignal } from "@preact/signals";
import { type Channel, channelsOf, type Explanation, fold } from "../explain.ts";
import type { Rectangle } from "../forms.ts";
import { printed } from "../numbers.ts";
import type { Unit, WeightedSum } from "../types.ts";
import { Cells, Products } from "./cells.tsx";
import { layerOf, readName } from "./names.ts";
import { at, Frame, MapPicture, sizeOf, spotOf } from "./picture.tsx";
import { Scale } from "./scale.tsx";
import { limitOf, limitOfWeights, litTerm, type Opened, slideTo } from "./sight.ts";
import { termText } from "./term.tsx";
import { FoldedRow, Total } from "./total.tsx";

/** More channels than this are folded into one subtotal. */
const MOST_CHANNELS = 8;

/** Windows of more columns leave no room for the sum beside them. */
const MOST_BESIDE = 5;

interface Props {
  readonly opened: Opened;
  readonly explanation: Explanation;
  readonly form: WeightedSum;
}

export function Windows({ opened, explanation, form }: Props) {
  const isUnfolded = useSignal(false);
  const channels = channelsOf(explanation, form, opened.sight.shapes);
  const { shown, folded, units } = fold(channels, isUnfolded.value ? channels.length : MOST_CHANNELS);
  const number = new Map(explanation.terms.map((term, i) => [term, i]));
  const product = explanation.terms.reduce((most, term) => Math.max(most, Math.abs(term.product)), 0);
  const source = layerOf(form.input);
  const scale = limitOf.value;
  const largestMap = channels.reduce((most, { channel }) => {
    return scale(form.input, channel) > scale(form.input, most) ? channel : most;
  }, channels[0].channel);
  return (
    <div class={form.kernel[form.kernel.length - 1] > MOST_BESIDE ? "sum wide" : "sum"}>
      <div class="channels">
        <div class="channel-heads">
          <span>{source}</span>
          <span>
            window <Scale limit={limitOf.value(form.input, largestMap)} of="the values" />
          </span>
          <span>
            {form.weight === null ? "weight" : "filter"}{" "}
            <Scale limit={limitOfWeights(opened.sight, form.weight)} of="the weights" />
          </span>
          <span>
            products <Scale limit={product} of="the products" />
          </span>
          <span>subtotal</span>
        </div>
        {shown.map((channel) => (
          <ChannelRow
            key={channel.channel}
            {...{ opened, explanation, form, channel, number }}
            limits={{ product, weight: limitOfWeights(opened.sight, form.weight) }}
          />
        ))}
      </div>
      <Total
        explanation={explanation}
        parts={shown.map((channel) => ({
          name: `channel ${channel.channel}`,
          units: channel.units,
          role: "subtotal",
          channel: channel.channel,
        }))}
        folded={
          folded.length > 0 && (
            <FoldedRow
              what="smaller channels"
              folded={folded}
              units={units}
              decimals={explanation.decimals}
              onUnfold={() => {
                isUnfolded.value = true;
              }}
            />
          )
        }
      />
    </div>
  );
}

interface RowProps extends Props {
  readonly channel: Channel;
  readonly number: ReadonlyMap<Channel["taps"][number], number>;
  readonly limits: { readonly product: number; readonly weight: number };
}

function ChannelRow({ opened, explanation, form, channel, number, limits }: RowProps) {
  const columns = form.kernel[form.kernel.length - 1];
  const name = `${layerOf(form.input)}, channel ${channel.channel}`;
  const termOf = (tap: Channel["taps"][number]) => number.get(tap) ?? 0;
  const cells = (value: (tap: NonNullable<Channel["taps"][number]>) => number) =>
    channel.taps.map((tap) => tap && { value: value(tap), term: termOf(tap) });
  return (
    <section class="channel" aria-label={name}>
      <h3>channel {channel.channel}</h3>
      <WindowInMap {...{ opened, form, channel, name, number }} />
      <Cells
        label={`Window on ${name}`}
        columns={columns}
        limit={limitOf.value(form.input, channel.channel)}
        cells={cells((tap) => tap.value)}
      />
      <span class="sign" aria-hidden="true">
        ×
      </span>
      <Cells
        label={`Filter for ${name}`}
        columns={columns}
        limit={limits.weight}
        cells={cells((tap) => tap.weight ?? 0)}
      />
      <span class="sign" aria-hidden="true">
        =
      </span>
      <Products
        label={`Products of ${name}`}
        columns={columns}
        limit={limits.product}
        channel={channel.channel}
        cells={channel.taps.map(
          (tap) =>
            tap && {
              term: tap,
              number: termOf(tap),
              text: printed(tap.units, explanation.decimals),
              name: `${readName(tap)}: ${termText(tap, explanation)}`,
            },
        )}
      />
      <p class="number subtotal">{printed(channel.units, explanation.decimals)}</p>
    </section>
  );
}

type WindowInMapProps = Pick<RowProps, "opened" | "form" | "channel" | "number"> & { readonly name: string };

/** The whole map that is read, with the window in it. Pressed, the window comes to the hand. */
function WindowInMap({ opened, form, channel, name, number }: WindowInMapProps) {
  const shape = opened.sight.shapes(form.input);
  const inside = channel.taps.filter((tap) => tap !== null);
  const spots = inside.map((tap) => spotOf(tap.index, shape));
  const area: Rectangle = {
    rows: [Math.min(...spots.map(({ row }) => row)), Math.max(...spots.map(({ row }) => row)) + 1],
    columns: [
      Math.min(...spots.map(({ column }) => column)),
      Math.max(...spots.map(({ column }) => column)) + 1,
    ],
  };
  const lit = inside.find((tap) => number.get(tap) === litTerm.value);
  const moveWindow = (spot: { row: number; column: number }) => {
    const unit = windowOver(form, [spot.row, spot.column], opened);
    if (unit) slideTo(unit);
  };
  return (
    <MapPicture
      sight={opened.sight}
      name={form.input}
      channel={channel.channel}
      label={`${name}, with the window framed`}
      onPick={form.kernel.length === 2 ? moveWindow : undefined}
    >
      <Frame area={area} kind="field" />
      {lit && <Frame area={at(spotOf(lit.index, shape))} kind="term" />}
    </MapPicture>
  );
}

/** The unit whose window has its middle nearest to a place of the input. */
function windowOver(form: WeightedSum, place: readonly number[], { unit, shape }: Opened): Unit | null {
  const { columns, rows } = sizeOf(shape);
  const position = place.map((at, axis) => {
    const middle = ((form.kernel[axis] - 1) * form.dilation[axis]) / 2;
    const nearest = Math.round((at + form.padding[axis] - middle) / form.stride[axis]);
    return Math.max(0, Math.min([rows, columns][axis] - 1, nearest));
  });
  return unit.index.length === 3 ? { layer: unit.layer, index: [unit.index[0], ...position] } : null;
}
