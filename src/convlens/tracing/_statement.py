"""An explanation as its reader sees it: lines of plain text, which text, HTML and LaTeX lay out in their ways."""

from collections.abc import Callable
from typing import Literal, NamedTuple


class Working(NamedTuple):
    """How a printed number comes about.

    Attributes:
        how: which of the patterns below.
        numbers: that fill its places, in order.
    """

    how: Literal["product", "square", "exponential", "quotient", "log_quotient", "standardised"]
    numbers: tuple[str, ...]


class Line(NamedTuple):
    """One line of a statement.

    Attributes:
        role: "term"; "folded", the sum of all terms that are not shown; "subtotal", of the terms above; "addend", which
            counts beside the terms; "sum", of the terms, where that is not the value; "setting" of the function.
        label: what is read, added or set.
        number: as printed; empty where there is none to print.
        working: how that number comes about, where it is not just read.
    """

    role: Literal["term", "folded", "subtotal", "addend", "sum", "setting"]
    label: str
    number: str
    working: Working | None = None


class Statement(NamedTuple):
    """One explanation, ready to be laid out.

    Attributes:
        unit: the number that is explained: a layer and an index.
        title: that, and what it is.
        kind: what makes the value of the terms: "sum", "maximum", "relu".
        adds: whether the value is the sum of terms, folded terms and addends.
        lines: what stands above the check.
        working: how the total comes about, where that is neither a sum nor a function of the terms.
        total: the form's value.
        recorded: what was computed besides, and `recorded_by` whom: the net, or autograd.
        difference: total minus recorded.
        tolerance: how far they may lie apart by rounding alone.
        closes: whether they lie that close.
    """

    unit: str
    title: str
    kind: str
    adds: bool
    lines: list[Line]
    working: Working | None
    total: str
    recorded: str
    recorded_by: str
    difference: str
    tolerance: str
    closes: bool

    @property
    def verdict(self) -> str:
        """Whether it closes, in words."""
        return "closes" if self.closes else "DOES NOT CLOSE"


class Document(NamedTuple):
    """One statement alone; or several under a heading.

    Attributes:
        heading: above them all, or None.
        statements: in the order of computation.
    """

    heading: str | None
    statements: list[Statement]


def write_working(
    working: Working, patterns: dict[str, str], *, number: Callable[[str], str], brackets: bool = True
) -> str:
    """Fill the pattern of a working.

    Args:
        working: whose numbers have a minus sign before them where they are negative.
        patterns: one for each way in which a number comes about.
        number: writes one number.
        brackets: whether a negative number after a sign of operation stands in brackets.

    Returns:
        The pattern with its numbers.
    """
    written = [
        f"({number(each)})" if brackets and place and each.startswith(("-", "\N{MINUS SIGN}")) else number(each)
        for place, each in enumerate(working.numbers)
    ]
    return patterns[working.how].format(*written)
