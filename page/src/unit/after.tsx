// What follows: what becomes of the unit in the layers that read it.

import { cssColour } from "../colour.ts";
import { follow, type Step } from "../follow.ts";
import { plain } from "../numbers.ts";
import * as state from "../state.ts";
import { axisNames } from "./names.ts";
import { jumpTo, limitOf, type Opened } from "./sight.ts";

/** More branches than this are not listed: of DenseNet's, one map is read by dozens of layers. */
const MOST_BRANCHES = 6;

export function After({ opened }: { opened: Opened }) {
  const { sight: here, key, index } = opened;
  const branches = follow(here.net.calls, { key, index }, here.numbers);
  if (branches.length === 0) {
    return (
      <section class="after">
        <h2>What follows</h2>
        <p class="quiet">Nothing reads this number: it is one of the network's answers.</p>
      </section>
    );
  }
  return (
    <section class="after">
      <h2>What follows</h2>
      {branches.slice(0, MOST_BRANCHES).map((steps) => (
        <ol key={steps.map((step) => step.call.name).join()}>
          {steps.map((step) => (
            <StepCard key={step.call.name} step={step} />
          ))}
        </ol>
      ))}
      {branches.length > MOST_BRANCHES && (
        <p class="quiet">and {branches.length - MOST_BRANCHES} more layers that read it</p>
      )}
    </section>
  );
}

function StepCard({ step }: { step: Step }) {
  const unit = { layer: step.call.name, index: step.index.slice(1) };
  const channel = unit.index.length > 1 ? unit.index[0] : 0;
  const limit = limitOf.value(step.call.output, channel);
  const names = axisNames(unit.index.length);
  return (
    <li>
      <button type="button" onClick={() => jumpTo(unit)}>
        <span class="swatch" style={{ background: cssColour(step.value, limit, state.ramp.value) }} />
        <span class="step-name">{unit.layer}</span>
        <span class="step-place">
          {unit.index.map((place, axis) => `${names[axis]} ${place}`).join(", ")}
        </span>
        <span class="number">{plain(step.value)}</span>
      </button>
      <p class={step.wins ? "wins" : "quiet"}>{sentence(step)}</p>
    </li>
  );
}

function sentence({ call, wins, adds, readers, value }: Step): string {
  if (wins === true) return "✓ the largest of its window: it goes on";
  if (wins === false) return "not the largest of its window: it ends here";
  if (adds !== null) {
    const others = readers === 1 ? "read by this unit" : `read by ${readers} units; to this one it adds most`;
    return `${others}: ${adds < 0 ? "" : "+"}${plain(adds)}`;
  }
  switch (call.form?.kind) {
    case "pointwise":
      if (call.form.function === "relu") return value > 0 ? "ReLU lets it through" : "ReLU makes it 0";
      return call.form.inputs.length > 1 ? "joined with other numbers" : call.form.function;
    case "normalisation":
      return `its share, beside ${readers - 1} others`;
    case "rearrangement":
      return "the same number, elsewhere";
    default:
      return `read by ${readers} units`;
  }
}
