"""The forms: what an operator reads for any number that it makes, as plain data.

A form names tensors by key ("activation/conv1", "weight/conv1.bias"). Indices are into whole tensors, item of the batch
first. Explanations, receptive fields, files and the page read forms and nothing else. ARCHITECTURE.md has the table.
"""

import math
from collections.abc import Callable
from typing import Literal

import msgspec

Numbers = tuple[int, ...]


class WeightedSum(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="weighted_sum"):
    """A sum over a window: convolution, linear, average pooling, batch normalisation in evaluation.

    out[n, o, p] = bias[o] + shift[o] + sum over c, k: in[n, c, p * stride - padding + k * dilation] * weight[o, c, k],
    c running over the channels of the group of o and k over the taps inside the input. (torch calls this a convolution;
    the kernel is not flipped: it is a correlation.) Transposed, it reads in[n, c, q] for every q and k that lead to p:
    q * stride - padding + k * dilation = p.

    Attributes:
        input: key of the activation that it reads.
        weight: key of (output channel, input channel of the group, tap ...), or None for an average of each map alone.
        bias: key of one number an output channel, or None.
        shift: key of a second addend an output channel (batch normalisation: -mean * scale), or None.
        groups: into how many the channels are divided.
        kernel: taps along each axis; no axes for a linear layer, whose channels are the features.
        stride: from one place of the window to the next, along each axis.
        padding: at each end of each axis.
        dilation: from one tap to the next, along each axis.
        divisor: of an average: "window" (all taps count), "inside" (those inside the input) or a number; else None.
        transposed: whether input and output change places in the arithmetic of the window.
    """

    input: str
    weight: str | None
    bias: str | None
    shift: str | None
    groups: int
    kernel: Numbers
    stride: Numbers
    padding: Numbers
    dilation: Numbers
    divisor: Literal["window", "inside"] | int | None
    transposed: bool = False


class Maximum(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="maximum"):
    """The largest number in a window of one map; of equal ones the first in row-major order."""

    input: str
    kernel: Numbers
    stride: Numbers
    padding: Numbers
    dilation: Numbers


class Pointwise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="pointwise"):
    """A function of the numbers at the same place of each input, which broadcast as NumPy's do.

    Attributes:
        function: add is the sum of scale * input, plus constant; multiply the product of the inputs, times constant;
            divide the first input by the second, or by constant; power is the input to the constant-th power;
            leaky_relu multiplies a negative number by constant, or by the second input; elu has constant * (e^x - 1)
            for it; clamp keeps to low and high; multiply_add adds constant times the product of the second and the
            third input to the first; maximum and minimum choose among the inputs. The others read one number
            (`_functions.py`).
        inputs: keys of activations or weights.
        scales: of add: one factor an input; else None.
        constant: of those that say so, or None.
        low: of clamp: the least, or None.
        high: of clamp: the most, or None.
    """

    function: Literal["add", "multiply", "divide", "power", "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh",
                      "silu", "mish", "softplus", "hardsigmoid", "hardswish", "clamp", "tanh", "sigmoid", "exp", "log",
                      "erf", "abs", "log_sigmoid", "sign", "sin", "cos", "multiply_add", "maximum",
                      "minimum"]  # fmt: skip
    inputs: tuple[str, ...]
    scales: tuple[float, ...] | None = None
    constant: float | None = None
    low: float | None = None
    high: float | None = None


class Normalisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="normalisation"):
    """softmax: exp(in[i]) / sum of exp(in) along an axis; log_softmax: its logarithm."""

    function: Literal["softmax", "log_softmax"]
    input: str
    axis: int


class Contraction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="contraction"):
    """A product of two matrices that are both computed, as in attention.

    out[..., i, j] = sum over k: left[..., i, k] * right[..., k, j].

    Attributes:
        left: key of an activation or a weight.
        right: key of an activation or a weight, of as many dimensions.
    """

    left: str
    right: str


class Standardisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="standardisation"):
    """A number's distance to the mean of a set of numbers that it belongs to, in their standard deviations.

    out[i] = (in[i] - mean) / sqrt(variance + epsilon) * weight[i] + bias[i], mean and variance (which divides by the
    count) being those of all in[j] whose index differs from i along `axes` alone. Layer, group and instance
    normalisation, and batch normalisation in training.

    Attributes:
        input: key of the activation that it reads.
        weight: key of what is multiplied with, of a shape that broadcasts as NumPy's do; or None.
        bias: key of what is added, likewise; or None.
        axes: along which the numbers of a set lie, ascending.
        groups: where axis 1, of the channels, is one of them: into how many sets it is divided.
        epsilon: added to the variance.
    """

    input: str
    weight: str | None
    bias: str | None
    axes: Numbers
    groups: int
    epsilon: float


class Reduction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="reduction"):
    """One number of all those along some axes.

    Attributes:
        function: sum, mean, maximum, minimum; norm is the root of the sum of squares; variance the sum of squared
            distances to the mean, divided by the count less `correction`.
        input: key of the activation that it reads.
        axes: along which the numbers lie, ascending.
        keep: whether the output has these axes, with one place each.
        correction: of variance, else 0.
    """

    function: Literal["sum", "mean", "maximum", "minimum", "norm", "variance"]
    input: str
    axes: Numbers
    keep: bool
    correction: float = 0.0


class Resampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="resampling"):
    """A sum over a window of each map alone whose weights change from place to place, and multiply over the axes.

    out[n, c, p] = sum over k: in[n, c, starts[p] + k] * product over the axes of weights[p, k]. Upsampling, and pooling
    whose windows are not all alike.

    Attributes:
        input: key of the activation that it reads.
        starts: for each axis after the channel: where the window of each place begins.
        weights: for each of these axes the key of (place, tap); a weight of 0 at the end of a row is no tap.
    """

    input: str
    starts: tuple[Numbers, ...]
    weights: tuple[str, ...]


class Rearrangement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="rearrangement"):
    """Every output number is one input number, or beside a padded input a constant.

    Attributes:
        how: reshape keeps the row-major order; concatenate joins along `axis`; stack along a new `axis`; permute has
            output axis i from input axis `axes[i]`; slice reads starts + index * steps; pad reads starts + index,
            starts being negative, and is `fill` where that lies outside the input; strided reads the place
            start + sum of index * strides in the row-major order of the input (a row of it, the same number many
            times, overlapping windows); gather reads the place that `table` names, counted on from input to input,
            and is `fill` where that is -1.
        inputs: keys; one, but for concatenate, stack and gather.
        axis: of concatenate and stack, else 0.
        axes: of permute, else empty.
        starts: of slice and pad, one a dimension, else empty.
        steps: of slice, one a dimension, else empty.
        fill: of pad and gather: a number, or None for minus infinity, which JSON cannot hold; else 0.
        start: of strided, else 0.
        strides: of strided, one a dimension of the output, else empty.
        table: of gather, the key of int64 places, in the row-major order of each input, for each output number.
    """

    how: Literal["reshape", "concatenate", "stack", "permute", "slice", "pad", "strided", "gather"]
    inputs: tuple[str, ...]
    axis: int = 0
    axes: Numbers = ()
    starts: Numbers = ()
    steps: Numbers = ()
    fill: float | None = 0.0
    start: int = 0
    strides: Numbers = ()
    table: str | None = None

    @property
    def outside(self) -> float:
        """What stands where no number is read."""
        return -math.inf if self.fill is None else self.fill


Form = (
    WeightedSum
    | Contraction
    | Maximum
    | Pointwise
    | Normalisation
    | Standardisation
    | Reduction
    | Resampling
    | Rearrangement
)


def sources(form: Form) -> tuple[str, ...]:
    """List the keys that a form reads numbers from, weights of a weighted sum apart."""
    if isinstance(form, Contraction):
        return (form.left, form.right)
    return form.inputs if isinstance(form, Pointwise | Rearrangement) else (form.input,)


def weight_keys(form: Form) -> tuple[str, ...]:
    """List the keys of what a form reads beside numbers: weights, bias, shift, a table; most have none."""
    if isinstance(form, WeightedSum):
        return tuple(key for key in (form.weight, form.bias, form.shift) if key is not None)
    if isinstance(form, Standardisation):
        return tuple(key for key in (form.weight, form.bias) if key is not None)
    if isinstance(form, Resampling):
        return form.weights
    if isinstance(form, Rearrangement) and form.table is not None:
        return (form.table,)
    return ()


def rename(form: Form, name: Callable[[str], str]) -> Form:
    """Give every tensor that a form reads numbers from another key."""
    if isinstance(form, Pointwise | Rearrangement):
        return msgspec.structs.replace(form, inputs=tuple(map(name, form.inputs)))
    if isinstance(form, Contraction):
        return Contraction(name(form.left), name(form.right))
    return msgspec.structs.replace(form, input=name(form.input))


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operator call of a forward pass.

    Attributes:
        name: unique in its trace: the module's dotted path, with the operator where a module makes several calls.
        module: dotted path of the innermost module that made the call; empty for the net itself.
        operator: torch's name for it, such as "aten.convolution.default".
        output: key of what it returned.
        form: how it makes a number, or None where that is not known.
        reason: where form is None: why, in a sentence.
    """

    name: str
    module: str
    operator: str
    output: str
    form: Form | None
    reason: str | None
