"""What if: a trace with numbers or forms changed, and what depends on them computed anew; and two traces compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from convlens.errors import TraceError, UnsupportedError
from convlens.tracing._explanation import name_unit
from convlens.tracing._forms import Call, Form, sources, weight_keys
from convlens.tracing._replay import evaluate


def recompute(
    calls: Sequence[Call], tensors: Mapping[str, Tensor], *, changes: Mapping[str, Tensor], forms: Mapping[str, Form]
) -> tuple[list[Call], dict[str, Tensor], list[str]]:
    """Compute anew what depends on changed tensors and forms.

    Args:
        calls: of a trace, in order.
        tensors: of all keys.
        changes: new tensors by key, of the shapes of the old ones. A changed activation stays as it is given.
        forms: new forms by the name of the call.

    Returns:
        The calls with their new forms; the tensors of all keys; the names of what was computed anew and came out
        different.

    Raises:
        UnsupportedError: what depends on a change may have been made by a call without a form.
    """
    made = {**tensors, **changes}
    changed = set(changes)
    computed = []
    edited = []
    for call in calls:
        form = forms.get(call.name, call.form)
        edited.append(Call(call.name, call.module, call.operator, call.output, form, call.reason))
        if call.output in changes:
            continue
        if form is None:
            if changed:
                raise UnsupportedError(
                    f"What comes after a change is computed by forms. Received {call.name!r} on the way, "
                    f"operator={call.operator}. {call.reason} Change something after it."
                )
            continue
        if call.name in forms or changed.intersection((*sources(form), *weight_keys(form))):
            with torch.no_grad():
                output = evaluate(form, made, shape=tuple(tensors[call.output].shape)).to(tensors[call.output].dtype)
            if not torch.equal(output, tensors[call.output]):
                made[call.output] = output
                changed.add(call.output)
                computed.append(call.name)
    return edited, made, computed


@dataclass(frozen=True)
class LayerDifference:
    """How far one layer of two traces lies apart.

    Attributes:
        layer: its name.
        shapes: of its output in both; they are compared where they are equal.
        largest: the largest absolute difference; None where the shapes differ.
        unit: where that is, item of the batch first.
        root_mean_square: of the differences; None where the shapes differ.
        scale: root mean square of the first trace's numbers.
    """

    layer: str
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    largest: float | None
    unit: tuple[int, ...]
    root_mean_square: float | None
    scale: float


@dataclass(frozen=True)
class Comparison:
    """Two traces, layer by layer. `print` it to read it.

    Attributes:
        layers: those of both, in the order of the first.
        only_first: names of layers that the second has not.
        only_second: names of layers that the first has not.
    """

    layers: tuple[LayerDifference, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    def __str__(self) -> str:
        width = max([len(each.layer) for each in self.layers] + [5])
        lines = [f"{'layer':{width}}  {'difference':>11}  {'of size':>11}  largest"]
        for each in self.layers:
            if each.largest is None or each.root_mean_square is None:
                lines.append(f"{each.layer:{width}}  shapes {each.shapes[0]} and {each.shapes[1]}")
            else:
                at = f"{each.largest:.4g} at {name_unit(each.layer, each.unit[1:])}" if each.largest else ""
                lines.append(f"{each.layer:{width}}  {each.root_mean_square:11.4g}  {each.scale:11.4g}  {at}".rstrip())
        for names, which in ((self.only_first, "first"), (self.only_second, "second")):
            if names:
                lines.append(f"only in the {which}: {', '.join(names)}")
        return "\n".join(lines)


def compare(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> Comparison:
    """Compare the outputs of layers of the same name.

    Args:
        first: outputs by the name of the layer, in order.
        second: likewise.

    Returns:
        The differences, second less first.

    Raises:
        TraceError: no layer is in both.
    """
    both = [name for name in first if name in second]
    if not both:
        raise TraceError(
            "Two traces are compared by the names of their layers. Received none that is in both: "
            f"{', '.join(list(first)[:8])} ... and {', '.join(list(second)[:8])} ..."
        )
    return Comparison(
        tuple(_difference(name, first[name], second[name]) for name in both),
        tuple(name for name in first if name not in second),
        tuple(name for name in second if name not in first),
    )


def _difference(layer: str, first: Tensor, second: Tensor) -> LayerDifference:
    shapes = tuple(first.shape), tuple(second.shape)
    one = first.double()
    scale = float(one.square().mean().sqrt()) if one.numel() else 0.0
    if shapes[0] != shapes[1] or not one.numel():
        return LayerDifference(layer, shapes, None, (), None, scale)
    apart = torch.where(first == second, 0.0, second.double() - one)  # infinities of both are no difference
    place = int(apart.abs().argmax())
    unit = tuple(int(at) for at in torch.unravel_index(torch.tensor(place), first.shape))
    return LayerDifference(
        layer, shapes, float(apart.abs().flatten()[place]), unit, float(apart.square().mean().sqrt()), scale
    )
