"""What explanations and chains of them have in common: they are read as text, HTML, LaTeX and JSON."""

import json
import math
from typing import Any

from convlens.errors import TraceError
from convlens.tracing._layout_html import to_html
from convlens.tracing._layout_latex import to_latex
from convlens.tracing._layout_text import to_text
from convlens.tracing._statement import Document

MOST_TERMS = 20  # of each explanation; with the check they fill a screen


class Printable:
    """Anything that can be written as statements.

    However many terms are shown, the printed numbers add up as printed: those that are not shown stand as one number,
    the exact sum of what would be printed of each.
    """

    def as_text(self, *, most: int | None = MOST_TERMS) -> str:
        """Write it out in columns.

        Args:
            most: how many terms are shown, the largest; the others are one line. None shows all, with the subtotals of
                the channels. One term more than that is shown as well, since a line for it would save nothing.

        Returns:
            Several lines, without a line break at the end.

        Raises:
            TraceError: most is below 1.
        """
        return to_text(self._checked_document(most))

    def to_html(self, *, most: int | None = MOST_TERMS) -> str:
        """Write it as HTML tables, which take the colours of the page that they stand in.

        Args:
            most: how many terms are shown, as for `as_text`.

        Returns:
            A fragment, in ASCII. Every number stands in a row whose `data-role` says what it is, as in Convlens's page.

        Raises:
            TraceError: most is below 1.
        """
        return to_html(self._checked_document(most))

    def to_latex(self, *, most: int | None = MOST_TERMS) -> str:
        r"""Write it as aligned equations.

        Args:
            most: how many terms are shown, as for `as_text`.

        Returns:
            An `align*` environment an explanation, for a document that says `\usepackage{amsmath}`.

        Raises:
            TraceError: most is below 1.
        """
        return to_latex(self._checked_document(most))

    def to_json(self) -> str:
        """Write everything as plain data for other programs.

        Returns:
            JSON, complete: every term, every number to its last bit. JSON has no numbers that are infinite or
            undefined: those are the strings "Infinity", "-Infinity" and "NaN".
        """
        return json.dumps(_finite(self._plain()), ensure_ascii=False, allow_nan=False)

    def __str__(self) -> str:
        return self.as_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def _checked_document(self, most: int | None) -> Document:
        if most is not None and most < 1:
            raise TraceError(
                f"At least one term is shown of an explanation. Received {most=}. Pass most=None to show all."
            )
        return self._document(most)

    def _document(self, most: int | None) -> Document:
        raise NotImplementedError

    def _plain(self) -> dict[str, Any]:
        raise NotImplementedError


def _finite(data: Any) -> Any:
    """Name the numbers that JSON cannot hold."""
    if isinstance(data, float) and not math.isfinite(data):
        return "NaN" if math.isnan(data) else "Infinity" if data > 0 else "-Infinity"
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list | tuple) else data
