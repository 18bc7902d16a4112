// The form of a unit as a formula, with its own indices.

import type { ComponentChildren } from "preact";
import { fillOf } from "../explain.ts";
import { FUNCTIONS } from "../functions.ts";
import { count } from "../indexing.ts";
import { exact, MINUS } from "../numbers.ts";
import type {
  Contraction,
  Maximum,
  Normalisation,
  Pointwise,
  Reduction,
  Resampling,
  Standardisation,
  WeightedSum,
} from "../types.ts";
import { layerOf } from "./names.ts";
import type { Opened } from "./sight.ts";

const TAPS = ["k", "l", "m"];

/** A layer's number at an index. */
function Entry({ name, index }: { name: string; index: readonly ComponentChildren[] }) {
  return (
    <msub>
      <mtext>{name}</mtext>
      <mrow>{index.flatMap((part, i) => (i === 0 ? [part] : [<mo key={i}>,</mo>, part]))}</mrow>
    </msub>
  );
}

const whole = (at: number) => <mn>{at < 0 ? `\u2212${-at}` : at}</mn>;

/** Where a tap lies along an axis: a number, or "3 + 2 k". */
function tapPlace(form: WeightedSum | Maximum, position: readonly number[], axis: number): ComponentChildren {
  if (form.kind === "weighted_sum" && form.transposed) return spreadPlace(form, position, axis);
  const start = position[axis] * form.stride[axis] - form.padding[axis];
  const step = form.dilation[axis];
  if (form.kernel[axis] === 1) return whole(start);
  const tap = (
    <>
      {step > 1 && whole(step)}
      <mi>{TAPS[axis]}</mi>
    </>
  );
  if (start === 0) return <mrow>{tap}</mrow>;
  return (
    <mrow>
      {whole(start)}
      <mo>+</mo>
      {tap}
    </mrow>
  );
}

/** Of a transposed window: which place reaches the position through a tap; only whole places are read. */
function spreadPlace(form: WeightedSum | Maximum, position: readonly number[], axis: number) {
  const step = form.dilation[axis];
  const reached = (
    <mrow>
      {whole(position[axis] + form.padding[axis])}
      {form.kernel[axis] > 1 && (
        <>
          <mo>−</mo>
          {step > 1 && whole(step)}
          <mi>{TAPS[axis]}</mi>
        </>
      )}
    </mrow>
  );
  if (form.stride[axis] === 1) return reached;
  return (
    <mfrac>
      {reached}
      {whole(form.stride[axis])}
    </mfrac>
  );
}

function Sum({ name, from, to, sign = "∑" }: { name: string; from: number; to: number; sign?: string }) {
  return (
    <munderover>
      <mo>{sign}</mo>
      <mrow>
        <mi>{name}</mi>
        <mo>=</mo>
        {whole(from)}
      </mrow>
      {whole(to)}
    </munderover>
  );
}

function WeightedSumFormula({ opened, form }: { opened: Opened; form: WeightedSum }) {
  const [, channel, ...position] = opened.index;
  const channels = form.weight === null ? 1 : opened.sight.shapes(form.weight)[1];
  const first =
    form.weight === null ? channel : Math.floor(channel / (opened.shape[1] / form.groups)) * channels;
  const oneChannel = channels === 1;
  const read = oneChannel ? whole(first) : offset("c", first);
  const places = form.kernel.map((_, axis) => tapPlace(form, position, axis));
  const taps = form.kernel.flatMap((length, axis) => (length > 1 ? [{ axis, length }] : []));
  return (
    <>
      {!oneChannel && <Sum name="c" from={0} to={channels - 1} />}
      {taps.map(({ axis, length }) => (
        <Sum key={axis} name={TAPS[axis]} from={0} to={length - 1} />
      ))}
      <Entry name={layerOf(form.input)} index={[read, ...places]} />
      {form.weight !== null && (
        <>
          <mo>·</mo>
          <Entry
            name={layerOf(form.weight)}
            index={[
              whole(channel),
              ...(oneChannel ? [] : [<mi key="c">c</mi>]),
              ...taps.map(({ axis }) => <mi key={axis}>{TAPS[axis]}</mi>),
            ]}
          />
        </>
      )}
      {[form.bias, form.shift].map((key) =>
        key === null ? null : (
          <>
            <mo>+</mo>
            <Entry name={layerOf(key)} index={[whole(channel)]} />
          </>
        ),
      )}
    </>
  );
}

function offset(name: string, start: number): ComponentChildren {
  if (start === 0) return <mi>{name}</mi>;
  return (
    <mrow>
      {whole(start)}
      <mo>+</mo>
      <mi>{name}</mi>
    </mrow>
  );
}

/** An average is its sum divided; the other sums are not. */
function Average({ opened, form }: { opened: Opened; form: WeightedSum }) {
  const divisor = form.divisor === "inside" ? opened.explanation?.terms.length : form.divisor;
  return (
    <>
      <mfrac>
        <mn>1</mn>
        <mn>{divisor === "window" ? count(form.kernel) : divisor}</mn>
      </mfrac>
      <WeightedSumFormula opened={opened} form={form} />
    </>
  );
}

function MaximumFormula({ opened, form }: { opened: Opened; form: Maximum }) {
  const [, channel, ...position] = opened.index;
  return (
    <>
      <munder>
        <mo>max</mo>
        <mrow>
          {form.kernel.flatMap((length, axis) => [
            axis > 0 ? <mo>,</mo> : null,
            <mi key={axis}>{TAPS[axis]}</mi>,
            <mo>&lt;</mo>,
            whole(length),
          ])}
        </mrow>
      </munder>
      <Entry
        name={layerOf(form.input)}
        index={[whole(channel), ...form.kernel.map((_, axis) => tapPlace(form, position, axis))]}
      />
    </>
  );
}

/** The numbers that a unit reads, by name. */
function termEntries(opened: Opened): ComponentChildren[] {
  return (opened.explanation?.terms ?? []).map((term, i) => {
    const index = term.key.startsWith("activation/") ? term.index.slice(1) : term.index;
    return <Entry key={i} name={layerOf(term.key)} index={index.map(whole)} />;
  });
}

function PointwiseFormula({ opened, form }: { opened: Opened; form: Pointwise }) {
  const terms = termEntries(opened);
  switch (form.function) {
    case "relu":
      return (
        <mrow>
          <mo>max</mo>
          <mo>(</mo>
          <mn>0</mn>
          <mo>,</mo>
          {terms}
          <mo>)</mo>
        </mrow>
      );
    case "divide":
      return (
        <mfrac>
          <mrow>{terms[0]}</mrow>
          <mrow>{terms[1] ?? <mn>{exact(form.constant ?? 1)}</mn>}</mrow>
        </mfrac>
      );
    case "power":
      return (
        <msup>
          <mrow>{terms}</mrow>
          <mn>{exact(form.constant ?? 1)}</mn>
        </msup>
      );
    case "add":
    case "multiply":
      return <Joined terms={terms} form={form} />;
    default:
      return (
        <mrow>
          <mi>{FUNCTIONS[form.function].title}</mi>
          <mo>(</mo>
          {terms.map((term, i) => (i === 0 ? term : [<mo key={i}>,</mo>, term]))}
          <mo>)</mo>
        </mrow>
      );
  }
}

/** An addition or a product of several numbers and a constant. */
function Joined({ terms, form }: { terms: readonly ComponentChildren[]; form: Pointwise }) {
  const sign = form.function === "add" ? "+" : "·";
  const parts = terms.map((term, i) => {
    const scale = form.scales?.[i] ?? 1;
    return scale === 1 ? term : [whole(scale), <mo key="times">·</mo>, term];
  });
  const joined = parts.map((part, i) => (i === 0 ? part : [<mo key={i}>{sign}</mo>, part]));
  return (
    <mrow>
      {joined}
      {form.constant !== null && <Constant value={form.constant} isSum={form.function === "add"} />}
    </mrow>
  );
}

function Constant({ value, isSum }: { value: number; isSum: boolean }) {
  const isBelow = isSum && value < 0;
  return (
    <>
      <mo>{isBelow ? MINUS : isSum ? "+" : "·"}</mo>
      <mn>{exact(isBelow ? -value : value)}</mn>
    </>
  );
}

function NormalisationFormula({ opened, form }: { opened: Opened; form: Normalisation }) {
  const own = opened.index[form.axis];
  const power = (name: ComponentChildren) => (
    <msup>
      <mi>e</mi>
      <msub>
        <mtext>{layerOf(form.input)}</mtext>
        {name}
      </msub>
    </msup>
  );
  const quotient = (
    <mfrac>
      {power(whole(own))}
      <mrow>
        <Sum name="j" from={0} to={opened.shape[form.axis] - 1} />
        {power(<mi>j</mi>)}
      </mrow>
    </mfrac>
  );
  return form.function === "softmax" ? (
    quotient
  ) : (
    <mrow>
      <mi>ln</mi>
      {quotient}
    </mrow>
  );
}

function ContractionFormula({ opened, form }: { opened: Opened; form: Contraction }) {
  const index = opened.index.slice(1).map(whole);
  const [row, column] = [index[index.length - 2], index[index.length - 1]];
  const matrix = index.slice(0, -2);
  const last = opened.sight.shapes(form.left).at(-1) ?? 1;
  return (
    <mrow>
      <Sum name="k" from={0} to={last - 1} />
      <Entry name={layerOf(form.left)} index={[...matrix, row, <mi key="k">k</mi>]} />
      <mo>·</mo>
      <Entry name={layerOf(form.right)} index={[...matrix, <mi key="k">k</mi>, column]} />
    </mrow>
  );
}

/** The name of a layer's numbers, as many as are read. */
function Numbers({ opened, input }: { opened: Opened; input: string }) {
  return (
    <msub>
      <mtext>{layerOf(input)}</mtext>
      <mtext>{`${opened.explanation?.terms.length ?? 0} numbers`}</mtext>
    </msub>
  );
}

function ReductionFormula({ opened, form }: { opened: Opened; form: Reduction }) {
  const names = {
    sum: "∑",
    mean: "mean",
    maximum: "max",
    minimum: "min",
    norm: "norm",
    variance: "variance",
  };
  return (
    <mrow>
      <mo>{names[form.function]}</mo>
      <Numbers opened={opened} input={form.input} />
    </mrow>
  );
}

function ResamplingFormula({ opened, form }: { opened: Opened; form: Resampling }) {
  return (
    <mrow>
      <mo>∑</mo>
      <mi>weight</mi>
      <mo>·</mo>
      <Numbers opened={opened} input={form.input} />
    </mrow>
  );
}

function StandardisationFormula({ opened, form }: { opened: Opened; form: Standardisation }) {
  const index = opened.index.slice(1).map(whole);
  return (
    <mrow>
      <mfrac>
        <mrow>
          <Entry name={layerOf(form.input)} index={index} />
          <mo>{MINUS}</mo>
          <mi>mean</mi>
        </mrow>
        <msqrt>
          <mi>variance</mi>
          <mo>+</mo>
          <mn>{exact(form.epsilon)}</mn>
        </msqrt>
      </mfrac>
      {form.weight !== null && (
        <>
          <mo>·</mo>
          <mi>scale</mi>
        </>
      )}
      {form.bias !== null && (
        <>
          <mo>+</mo>
          <mi>bias</mi>
        </>
      )}
    </mrow>
  );
}

/** The formula of the open unit; nothing where its call has no form. */
export function Formula({ opened }: { opened: Opened }) {
  const form = opened.explanation?.form;
  if (!form) return null;
  return (
    <div class="formula">
      <math display="block" aria-label="The form of this unit">
        <Entry name={opened.unit.layer} index={opened.unit.index.map(whole)} />
        <mo>=</mo>
        {form.kind === "weighted_sum" &&
          (form.weight === null ? (
            <Average opened={opened} form={form} />
          ) : (
            <WeightedSumFormula opened={opened} form={form} />
          ))}
        {form.kind === "reduction" && <ReductionFormula opened={opened} form={form} />}
        {form.kind === "resampling" && <ResamplingFormula opened={opened} form={form} />}
        {form.kind === "contraction" && <ContractionFormula opened={opened} form={form} />}
        {form.kind === "standardisation" && <StandardisationFormula opened={opened} form={form} />}
        {form.kind === "maximum" && <MaximumFormula opened={opened} form={form} />}
        {form.kind === "pointwise" && <PointwiseFormula opened={opened} form={form} />}
        {form.kind === "normalisation" && <NormalisationFormula opened={opened} form={form} />}
        {form.kind === "rearrangement" &&
          (opened.explanation?.terms.length === 0 ? <mn>{exact(fillOf(form))}</mn> : termEntries(opened))}
      </math>
    </div>
  );
}
