// What the net has learnt so far: its first filters, the maps that they make of the shown image, how they came to be, and the answer.

import { largest } from "../colour.ts";
import { numbers } from "../forms.ts";
import * as state from "../state.ts";
import type { Net, Tensor } from "../types.ts";
import { coloured, ImagePicture, MapPicture, Pixels } from "../unit/picture.tsx";
import { Scale } from "../unit/scale.tsx";
import { jumpTo, limitOf, type Sight, sight } from "../unit/sight.ts";
import { firstFilters, snapshots } from "./history.ts";

/** More filters than this are not shown. */
const MOST_FILTERS = 64;

export function Learning() {
  const net = state.net.value;
  const first = net && firstFilters(net);
  if (!net || !first) {
    return (
      <p class="quiet">
        {net ? "This network has no filters to show." : "The network appears here with its first checkpoint."}
      </p>
    );
  }
  return (
    <>
      <Filters net={net} />
      <History name={first.name} />
    </>
  );
}

/** The kernel of a filter for one input channel; of several channels their kernels one above the other. */
function Filter({ filters, which, limit }: { filters: Tensor; which: number; limit: number }) {
  const [, channels, rows, columns] = filters.shape;
  const length = channels * rows * columns;
  const range = { start: which * length, length };
  return (
    <Pixels
      rows={channels * rows}
      columns={columns}
      pixels={coloured(filters.data as Float32Array, range, limit, state.ramp.value)}
      label={`Filter ${which}`}
    />
  );
}

function Filters({ net }: { net: Net }) {
  const first = firstFilters(net);
  const here = sight.value;
  if (!first) return null;
  const { filters, name, output } = first;
  const limit = largest(filters.data as Float32Array);
  const shown = Math.min(filters.shape[0], MOST_FILTERS);
  const isTraced = here !== null && here.net.id === net.id;
  return (
    <section class="filters" aria-label={`Filters of ${name}`}>
      <h2>
        The {filters.shape[0]} filters of {name}, and what they make of one image
      </h2>
      <p class="quiet">
        weights <Scale limit={limit} of="the weights" />
        {isTraced && (
          <>
            {" "}
            maps <Scale limit={limitOf.value(output, 0)} of="the maps" />
          </>
        )}
      </p>
      <div class="filter-grid">
        {isTraced && (
          <figure class="shown-image">
            <ImagePicture image={here.trace.image} label="The image that is shown" />
            <figcaption>
              <Answer here={here} />
            </figcaption>
          </figure>
        )}
        {Array.from({ length: shown }, (_, which) => (
          <figure key={which}>
            <Filter filters={filters} which={which} limit={limit} />
            {isTraced && (
              <button
                type="button"
                class="map-button"
                aria-label={`Open channel ${which} of ${name}`}
                onClick={() => openMiddle(here, { name, output }, which)}
              >
                <MapPicture sight={here} name={output} channel={which} label={`${name}, channel ${which}`} />
              </button>
            )}
            <figcaption>{which}</figcaption>
          </figure>
        ))}
      </div>
    </section>
  );
}

/** Open the unit in the middle of a map. */
function openMiddle(here: Sight, layer: { name: string; output: string }, channel: number): void {
  const middle = here
    .shapes(layer.output)
    .slice(2)
    .map((size) => Math.floor(size / 2));
  jumpTo({ layer: layer.name, index: [channel, ...middle] });
}

/** What the net says of the image now. */
function Answer({ here }: { here: Sight }) {
  const answer = state.answer.value;
  const label = here.trace.label;
  const classes = state.summary.value?.classes ?? [];
  if (!answer) return null;
  const isRight = label === null ? null : label === answer.index;
  return (
    <>
      <b class={isRight === null ? "" : isRight ? "right" : "wrong"}>{answer.name}</b>
      {answer.probability !== null && ` ${(100 * answer.probability).toFixed(1)} %`}
      {label !== null && <small> it is {classes[label] ?? label}</small>}
    </>
  );
}

/** The filters at some steps of the training, oldest first; one line a filter. */
function History({ name }: { name: string }) {
  const kept = snapshots.value;
  if (kept.length < 2) return null;
  const limit = Math.max(...kept.map(({ filters }) => largest(numbers(new Map([["", filters]]), ""))));
  const shown = Math.min(kept[0].filters.shape[0], MOST_FILTERS / 4);
  return (
    <section class="history" aria-label={`How the filters of ${name} came to be`}>
      <h2>How they came to be</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">step</th>
            {kept.map(({ version, step }) => (
              <th key={version} scope="col">
                {step}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: shown }, (_, which) => (
            <tr key={which}>
              <th scope="row">{which}</th>
              {kept.map(({ version, filters }) => (
                <td key={version}>
                  <Filter filters={filters} which={which} limit={limit} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
