// What follows: what becomes of the unit in the layers that read it.

import { cssColour } from "../colour.ts";
import { follow, type Step, type Way } from "../follow.ts";
import { FUNCTIONS } from "../functions.ts";
import { plain } from "../numbers.ts";
import * as state from "../state.ts";
import type { Pointwise } from "../types.ts";
import { axisNames } from "./names.ts";
import { classesOf, jumpTo, limitOf, type Opened } from "./sight.ts";

/** More ways than this are not listed: one map of a DenseNet is read by dozens of layers. */
const MOST_WAYS = 6;

export function After({ opened }: { opened: Opened }) {
  const { sight: here, key, index, unit } = opened;
  const { calls } = here.net;
  const ways = follow(calls, { key, index }, here.numbers);
  const isAnswer = calls[calls.length - 1]?.output === key || classesOf(unit.layer).length > 0;
  return (
    <section class="after">
      <h2>What follows</h2>
      <Ways ways={ways} />
      {ways.length === 0 && (
        <p class="quiet">
          {isAnswer ? "Nothing: it is one of the network's answers." : "No later layer reads this number."}
        </p>
      )}
    </section>
  );
}

function Ways({ ways }: { ways: readonly Way[] }) {
  return (
    <>
      {ways.slice(0, MOST_WAYS).map(({ steps, onward }) => (
        <div key={steps[0].call.name} class="way">
          <ol>
            {steps.map((step) => (
              <StepCard key={step.call.name} step={step} />
            ))}
          </ol>
          {onward.length > 0 && <Ways ways={onward} />}
        </div>
      ))}
      {ways.length > MOST_WAYS && <p class="quiet">and {ways.length - MOST_WAYS} more layers that read it</p>}
    </>
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

/** What a function of one number does, in a word or two. */
function byConstant({ function: name, constant }: Pointwise): string {
  const words = { add: "plus", multiply: "times", divide: "divided by", power: "to the power of" };
  if (name === "add" || name === "multiply" || name === "divide" || name === "power")
    return `${words[name]} ${plain(constant ?? 0)}`;
  return FUNCTIONS[name].title;
}

function sentence({ call, wins, adds, readers, value }: Step): string {
  if (wins === true) return "✓ the largest of its window: it goes on";
  if (wins === false) return "not the largest of its window: it ends here";
  if (adds === 0) return `read by ${readers} ${readers === 1 ? "unit" : "units"}; being 0, it adds nothing`;
  if (adds !== null) {
    const others = readers === 1 ? "read by this unit" : `read by ${readers} units; to this one it adds most`;
    return `${others}: ${adds < 0 ? "" : "+"}${plain(adds)}`;
  }
  switch (call.form?.kind) {
    case "pointwise":
      if (call.form.function === "relu") return value > 0 ? "ReLU lets it through" : "ReLU makes it 0";
      if (call.form.inputs.length > 1) return "joined with other numbers";
      return byConstant(call.form);
    case "standardisation":
      return `measured by the mean and deviation of ${readers} numbers`;
    case "normalisation":
      return `its share, beside ${readers - 1} others`;
    case "reduction":
      return "one of many that become one number";
    case "rearrangement":
      return "the same number, elsewhere";
    default:
      return `read by ${readers} units`;
  }
}
