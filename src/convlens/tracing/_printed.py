"""An explanation in decimals that add up as printed."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from convlens.tracing._bounds import gamma
from convlens.tracing._decimals import (
    count_decimals,
    format_tolerance,
    format_units,
    nine_digits,
    round_to_units,
    to_units,
)
from convlens.tracing._explanation import Channel, Explanation, Term
from convlens.tracing._forms import Normalisation, Rearrangement, Reduction, Standardisation

Group = tuple[str, int | None]


@dataclass(frozen=True)
class PrintedExplanation:
    """The numbers of one explanation as the reader sees them.

    Attributes:
        decimals: how many all of them have.
        units: of each term, in the order of `Explanation.terms`, the product of a sum, the exponential of a softmax,
            else the value read: as a whole multiple of the last decimal. Where a number is infinite or NaN, as it is.
        groups: the (source layer, channel) of each term.
        addends: bias, shift or constant of a sum; what stands for a number outside a padded input; mean, epsilon, scale
            and bias of a standardisation, with nine digits each.
        sum: of all terms and addends as printed, exactly; of a softmax, of its exponentials; of a standardisation the
            variance. Else None.
        total: the form's value. Of a sum it is `sum`.
        recorded: what the net computed.
        difference: printed total minus printed recorded value.
        tolerance: with two digits, rounded up.
    """

    decimals: int
    units: list[int] | list[float]
    groups: list[Group]
    addends: dict[str, str]
    sum: str | None
    total: str
    recorded: str
    difference: str
    tolerance: str

    @cached_property
    def terms(self) -> list[str]:
        """Every term as printed."""
        return [self.add([place]) for place in range(len(self.units))]

    @cached_property
    def subtotals(self) -> dict[Group, str]:
        """Of the terms of each (source layer, channel), in order, the exact sum as printed."""
        places: dict[Group, list[int]] = {}
        for place, group in enumerate(self.groups):
            places.setdefault(group, []).append(place)
        return {group: self.add(each) for group, each in places.items()}

    def add(self, places: Iterable[int]) -> str:
        """Print the exact sum of some terms as printed."""
        return print_units(sum(self.units[place] for place in places), self.decimals)


def print_units(units: float, decimals: int) -> str:
    """Print a whole multiple of the last decimal; with nine digits what is none."""
    return format_units(units, decimals) if isinstance(units, int) else nine_digits(units)


def has_inner_sum(form: object) -> bool:
    """Say whether a form's terms are squares or exponentials that are summed on the way to its value."""
    if isinstance(form, Reduction):
        return form.function in ("norm", "variance")
    return isinstance(form, Normalisation | Standardisation)


def channels_of(explanation: Explanation) -> list[Channel]:
    """Divide the terms into channels, each with its printed subtotal."""
    printed = print_numbers(explanation)
    terms: dict[Group, list[Term]] = {}
    for term, group in zip(explanation.terms, printed.groups, strict=True):
        terms.setdefault(group, []).append(term)
    return [Channel(*group, each, printed.subtotals[group]) for group, each in terms.items()]


def print_numbers(explanation: Explanation) -> PrintedExplanation:
    """Choose the decimals of an explanation and print its numbers.

    Args:
        explanation: of any unit.

    Returns:
        Strings in which the subtotals are the sums of the terms and the total that of subtotals and addends, exactly;
        where a number is infinite or NaN, with nine digits each, which need not add up.
    """
    groups = [(term.source, term.index[0] if term.index else None) for term in explanation.terms]
    shown = [explanation.values, explanation.products, [explanation.total, explanation.recorded]]
    if not all(np.isfinite(numbers).all() for numbers in shown):
        return _print_each(explanation, groups)
    decimals = _decimals(explanation)
    units = round_to_units(explanation.products, decimals)
    adds, form = explanation.adds, explanation.call.form
    has_addends = adds or isinstance(form, Rearrangement)
    addends = {name: to_units(value, decimals) for name, value in explanation.addends.items()} if has_addends else {}
    if isinstance(form, Standardisation):  # the sum of the terms is the variance
        others = {name: value for name, value in explanation.addends.items() if name != "variance"}
        printed = {name: nine_digits(value) for name, value in others.items()}
    elif isinstance(form, Reduction):
        printed = {name: nine_digits(value) for name, value in explanation.addends.items()}
    else:
        printed = {name: format_units(each, decimals) for name, each in addends.items()}
    sums = adds or has_inner_sum(form)
    total_of_terms = sum(units) + sum(addends.values())
    total = total_of_terms if adds else to_units(explanation.total, decimals)
    recorded = to_units(explanation.recorded, decimals)
    return PrintedExplanation(
        decimals=decimals,
        units=units,
        groups=groups,
        addends=printed,
        sum=format_units(total_of_terms, decimals) if sums else None,
        total=format_units(total, decimals),
        recorded=format_units(recorded, decimals),
        difference=format_units(total - recorded, decimals),
        tolerance=format_tolerance(explanation.tolerance),
    )


def _print_each(explanation: Explanation, groups: list[Group]) -> PrintedExplanation:
    sums = has_inner_sum(explanation.call.form)
    return PrintedExplanation(
        decimals=0,
        units=explanation.products.tolist(),
        groups=groups,
        addends={name: nine_digits(number) for name, number in explanation.addends.items()},
        sum=nine_digits(float(explanation.products.sum())) if sums else None,
        total=nine_digits(explanation.total),
        recorded=nine_digits(explanation.recorded),
        difference=nine_digits(explanation.difference),
        tolerance=nine_digits(explanation.tolerance),
    )


def _decimals(explanation: Explanation) -> int:
    magnitude = float(np.abs(explanation.products).sum())
    count = len(explanation.products)
    if explanation.adds:
        addends = explanation.addends.values()
        return count_decimals(
            count + len(addends), tolerance=explanation.tolerance, magnitude=magnitude + sum(map(abs, addends))
        )
    if has_inner_sum(explanation.call.form):
        return count_decimals(count, tolerance=gamma(count + 1, torch.float32) * magnitude, magnitude=magnitude)
    shown = [*explanation.values.tolist(), explanation.total, explanation.recorded]
    return count_decimals(1, tolerance=0.0, magnitude=max(map(abs, shown)))
