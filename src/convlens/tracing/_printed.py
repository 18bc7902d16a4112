"""An explanation in decimals that add up as printed, and as text."""

from dataclasses import dataclass

import numpy as np
import torch

from convlens.tracing._bounds import gamma
from convlens.tracing._decimals import count_decimals, format_tolerance, format_units, to_units
from convlens.tracing._explanation import Explanation, Term
from convlens.tracing._forms import (
    Contraction,
    Maximum,
    Normalisation,
    Pointwise,
    Rearrangement,
    Standardisation,
    WeightedSum,
)


@dataclass(frozen=True)
class PrintedExplanation:
    """The numbers of one explanation as the reader sees them.

    Attributes:
        decimals: how many all of them have.
        terms: products of a sum, exponentials of a softmax, else the values read; in the order of `Explanation.terms`.
        subtotals: of the terms of each (source layer, channel), in order.
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
    terms: list[str]
    subtotals: dict[tuple[str, int], str]
    addends: dict[str, str]
    sum: str | None
    total: str
    recorded: str
    difference: str
    tolerance: str


def is_sum(explanation: Explanation) -> bool:
    """Whether the value is the sum of the terms and addends."""
    form = explanation.call.form
    return isinstance(form, WeightedSum | Contraction) or (isinstance(form, Pointwise) and form.function == "add")


def print_numbers(explanation: Explanation) -> PrintedExplanation:
    """Choose the decimals of an explanation and print its numbers.

    Args:
        explanation: of any unit.

    Returns:
        Strings in which the subtotals are the sums of the terms and the total that of subtotals and addends, exactly;
        where a number is infinite or NaN, with nine digits each, which need not add up.
    """
    if not np.isfinite([*explanation.values, *explanation.products, explanation.total, explanation.recorded]).all():
        return _print_each(explanation)
    decimals = _decimals(explanation)
    terms = [to_units(product, decimals) for product in explanation.products.tolist()]
    subtotals: dict[tuple[str, int], int] = {}
    for term, units in zip(explanation.terms, terms, strict=True):
        group = (term.source, term.index[0])
        subtotals[group] = subtotals.get(group, 0) + units
    adds = is_sum(explanation)
    has_addends = adds or isinstance(explanation.call.form, Rearrangement)
    addends = {name: to_units(value, decimals) for name, value in explanation.addends.items()} if has_addends else {}
    if isinstance(explanation.call.form, Standardisation):  # the sum of the terms is the variance
        others = {name: value for name, value in explanation.addends.items() if name != "variance"}
        printed = {name: _nine_digits(value) for name, value in others.items()}
    else:
        printed = {name: format_units(units, decimals) for name, units in addends.items()}
    sums = adds or isinstance(explanation.call.form, Normalisation | Standardisation)
    total_of_terms = sum(subtotals.values()) + sum(addends.values())
    total = total_of_terms if adds else to_units(explanation.total, decimals)
    recorded = to_units(explanation.recorded, decimals)
    return PrintedExplanation(
        decimals=decimals,
        terms=[format_units(units, decimals) for units in terms],
        subtotals={group: format_units(units, decimals) for group, units in subtotals.items()},
        addends=printed,
        sum=format_units(total_of_terms, decimals) if sums else None,
        total=format_units(total, decimals),
        recorded=format_units(recorded, decimals),
        difference=format_units(total - recorded, decimals),
        tolerance=format_tolerance(explanation.tolerance),
    )


def _nine_digits(number: float) -> str:
    return f"{number:.9g}".replace("-", "\N{MINUS SIGN}")


def _print_each(explanation: Explanation) -> PrintedExplanation:
    subtotals: dict[tuple[str, int], float] = {}
    for term in explanation.terms:
        group = (term.source, term.index[0])
        subtotals[group] = subtotals.get(group, 0.0) + term.product
    return PrintedExplanation(
        decimals=0,
        terms=[_nine_digits(product) for product in explanation.products.tolist()],
        subtotals={group: _nine_digits(number) for group, number in subtotals.items()},
        addends={name: _nine_digits(number) for name, number in explanation.addends.items()},
        sum=_nine_digits(sum(subtotals.values()))
        if isinstance(explanation.call.form, Normalisation | Standardisation)
        else None,
        total=_nine_digits(explanation.total),
        recorded=_nine_digits(explanation.recorded),
        difference=_nine_digits(explanation.difference),
        tolerance=_nine_digits(explanation.tolerance),
    )


def _decimals(explanation: Explanation) -> int:
    magnitude = float(np.abs(explanation.products).sum())
    count = len(explanation.products)
    if is_sum(explanation):
        addends = explanation.addends.values()
        return count_decimals(
            count + len(addends), tolerance=explanation.tolerance, magnitude=magnitude + sum(map(abs, addends))
        )
    if isinstance(explanation.call.form, Normalisation | Standardisation):
        return count_decimals(count, tolerance=gamma(count + 1, torch.float32) * magnitude, magnitude=magnitude)
    shown = [*explanation.values.tolist(), explanation.total, explanation.recorded]
    return count_decimals(1, tolerance=0.0, magnitude=max(map(abs, shown)))


def as_text(explanation: Explanation) -> str:
    """Write an explanation out, every term on its line."""
    printed = print_numbers(explanation)
    body = _body(explanation, printed)
    verdict = "closes" if explanation.closes else "DOES NOT CLOSE"
    check = [
        ("total", printed.total),
        ("recorded by the net", printed.recorded),
        ("difference", printed.difference),
    ]
    width = max(len(label) for label, _ in [*body, *check])
    number_width = max(len(number) for _, number in [*body, *check])
    lines = [f"{label:<{width}}  {number:>{number_width}}".rstrip() for label, number in [*body, *check]]
    tolerance = f"tolerance {printed.tolerance}: {verdict}"
    return "\n".join([_headline(explanation), "", *lines, tolerance])


def _headline(explanation: Explanation) -> str:
    form = explanation.call.form
    name = _unit_name(explanation.call.name, explanation.index)
    kind = form.function if isinstance(form, Pointwise | Normalisation) else "sum"
    if isinstance(form, Standardisation):
        kind = "standardisation"
    if isinstance(form, Maximum | Rearrangement):
        kind = "maximum" if isinstance(form, Maximum) else form.how
    count = len(explanation.products)
    return f"{name}: {kind} of {count} {'number' if count == 1 else 'numbers'} [{explanation.call.operator}]"


def _unit_name(layer: str, index: tuple[int, ...]) -> str:
    return f"{layer}[{', '.join(map(str, index))}]"


def _body(explanation: Explanation, printed: PrintedExplanation) -> list[tuple[str, str]]:
    """List what stands above the check: (what, number) a line."""
    lines: list[tuple[str, str]] = []
    terms = list(zip(explanation.terms, printed.terms, strict=True))
    for position, (term, number) in enumerate(terms):
        lines.append((_term_label(explanation, term, position), number))
        group = (term.source, term.index[0])
        ends = position + 1 == len(terms) or (terms[position + 1][0].source, terms[position + 1][0].index[0]) != group
        if ends and is_sum(explanation) and 1 < len(printed.subtotals) < len(terms):
            lines.append((f"  subtotal of {term.source}, channel {term.index[0]}", printed.subtotals[group]))
    lines += printed.addends.items()
    if printed.sum is not None and not is_sum(explanation):
        lines.append(("variance" if isinstance(explanation.call.form, Standardisation) else "sum", printed.sum))
    return lines


def _term_label(explanation: Explanation, term: Term, position: int) -> str:
    label = _unit_name(term.source, term.index)
    if term.weight is not None:
        return f"{label}  {term.value:.9g} x {term.weight:.9g} ="
    if isinstance(explanation.call.form, Standardisation):
        own = " (its own)" if position == explanation.winner else ""
        return f"{label}{own}  ({term.value:.9g} - {explanation.addends['mean']:.9g})^2 / {len(explanation.values)} ="
    if isinstance(explanation.call.form, Normalisation):
        own = " (its own)" if position == explanation.winner else ""
        return f"{label}{own}  e^({term.value:.9g} - {explanation.addends['largest']:.9g}) ="
    return f"{label} (the largest)" if position == explanation.winner else label
