"""From an explanation to the lines that its reader sees: the largest terms, and the others as one."""

import math

from convlens.tracing._decimals import nine_digits
from convlens.tracing._explanation import Explanation, Term, name_unit
from convlens.tracing._forms import Normalisation, Pointwise, Reduction, Standardisation
from convlens.tracing._printed import PrintedExplanation, print_numbers
from convlens.tracing._statement import Line, Statement, Working


def state(explanation: Explanation, *, most: int | None) -> Statement:
    """Write an explanation as lines.

    Args:
        explanation: of any unit. A form that this file does not know is a function of the numbers that it reads.
        most: how many terms are shown; None for all.

    Returns:
        Lines in which the terms, the folded ones and the addends add up as printed, wherever the value is a sum.
    """
    printed = print_numbers(explanation)
    shown = _shown(explanation, printed, most=most)
    if len(shown) < len(printed.units):
        lines = [_term(explanation, printed, place=place) for place in shown]
        lines.append(_folded(explanation, printed, shown=shown))
    else:
        lines = _all_terms(explanation, printed)
    lines += [Line("addend", name, number) for name, number in printed.addends.items()]
    if printed.sum is not None and not explanation.adds:
        lines.append(Line("sum", _name_of_sum(explanation), printed.sum))
    lines += [Line("setting", name, nine_digits(number)) for name, number in _settings(explanation).items()]
    return Statement(
        unit=explanation.unit,
        title=explanation.title,
        kind=explanation.kind,
        adds=explanation.adds,
        lines=lines,
        working=_working_of_total(explanation, printed),
        total=printed.total,
        recorded=printed.recorded,
        recorded_by=explanation.recorded_by,
        difference=printed.difference,
        tolerance=printed.tolerance,
        closes=explanation.closes,
    )


def _shown(explanation: Explanation, printed: PrintedExplanation, *, most: int | None) -> list[int]:
    """Choose the places of the terms that are shown: the winner, then the largest; where they fit all, in order."""
    count = len(printed.units)
    if most is None or count <= most + 1:
        return list(range(count))

    def rank(place: int) -> tuple[bool, bool, float]:
        units = printed.units[place]
        size = units if printed.sum is None else abs(units)  # of a maximum not what is far from zero, but what is large
        size = -size if _takes_least(explanation) else size
        return place != explanation.winner, not math.isnan(units), -size

    return sorted(range(count), key=rank)[:most]


def _takes_least(explanation: Explanation) -> bool:
    form = explanation.call.form
    return isinstance(form, Reduction) and form.function == "minimum"


def _folded(explanation: Explanation, printed: PrintedExplanation, *, shown: list[int]) -> Line:
    rest = set(range(len(printed.units))) - set(shown)
    if printed.sum is None:
        more = "smaller" if _takes_least(explanation) else "larger"
        return Line("folded", f"{len(rest):,} more numbers, none of them {more}", "")
    return Line("folded", f"{len(rest):,} more terms", printed.add(rest))


def _all_terms(explanation: Explanation, printed: PrintedExplanation) -> list[Line]:
    lines: list[Line] = []
    groups = printed.groups
    has_subtotals = explanation.adds and 1 < len(printed.subtotals) < len(groups)
    for place, group in enumerate(groups):
        lines.append(_term(explanation, printed, place=place))
        if has_subtotals and groups[place + 1 : place + 2] != [group]:
            lines.append(Line("subtotal", f"subtotal of {group[0]}, channel {group[1]}", printed.subtotals[group]))
    return lines


def _term(explanation: Explanation, printed: PrintedExplanation, *, place: int) -> Line:
    term = explanation.terms[place]
    label = name_unit(term.source, term.index)
    if place == explanation.winner:
        extreme = "the smallest" if _takes_least(explanation) else "the largest"
        label += f" ({'its own' if printed.sum is not None else extreme})"
    return Line("term", label, printed.terms[place], _working(explanation, term))


def _working(explanation: Explanation, term: Term) -> Working | None:
    """How a term's product comes about."""
    if term.weight is not None:
        return Working("product", _written(term.value, term.weight))
    if isinstance(explanation.call.form, Standardisation):
        return Working("square", (*_written(term.value, explanation.addends["mean"]), str(len(explanation.values))))
    if isinstance(explanation.call.form, Normalisation):
        return Working("exponential", _written(term.value, explanation.addends["largest"]))
    return None


def _working_of_total(explanation: Explanation, printed: PrintedExplanation) -> Working | None:
    form, own = explanation.call.form, explanation.winner
    if own is None or printed.sum is None:
        return None
    value = float(explanation.values[own])
    if isinstance(form, Standardisation):
        numbers = (explanation.addends[name] for name in ("mean", "epsilon", "scale", "bias"))
        mean, epsilon, scale, bias = _written(*numbers)
        return Working("standardised", (*_written(value), mean, printed.sum, epsilon, scale, bias))
    if isinstance(form, Normalisation) and form.function == "log_softmax":
        return Working("log_quotient", (*_written(value, explanation.addends["largest"]), printed.sum))
    return Working("quotient", (printed.terms[own], printed.sum))


def _name_of_sum(explanation: Explanation) -> str:
    form = explanation.call.form
    if isinstance(form, Reduction):
        return "sum of squares" if form.function == "norm" else "variance"
    return "variance" if isinstance(form, Standardisation) else "sum"


def _settings(explanation: Explanation) -> dict[str, float]:
    """What a function was set to, where it is no addend: a slope, an exponent, bounds."""
    form = explanation.call.form
    if explanation.adds or not isinstance(form, Pointwise):
        return {}
    settings = {"constant": form.constant, "low": form.low, "high": form.high}
    return {name: number for name, number in settings.items() if number is not None}


def _written(*numbers: float) -> tuple[str, ...]:
    return tuple(f"{number:.9g}" for number in numbers)
