"""Explanations as HTML tables for notebooks: no scripts, no colours of their own, nothing that is loaded."""

# ruff: noqa: RUF001  # true multiplication and minus signs are meant

from html import escape

from convlens.tracing._statement import Document, Statement, Working, write_working

_PATTERNS = {
    "product": "{} × {}",
    "square": "({} − {})² / {}",
    "exponential": "e<sup>{} − {}</sup>",
    "quotient": "{} / {}",
    "log_quotient": "{} − {} − ln {}",
    "standardised": "({} − {}) / √({} + {}) × {} + {}",
}
# A page without a doctype would give tables colours of their own.
_TABLE = "border-collapse:collapse;color:inherit;font-variant-numeric:tabular-nums;margin:0.5em 0"
_CAPTION = "caption-side:top;color:inherit;text-align:left;font-weight:bold;padding:0.2em 0"
_WORDS = "text-align:left;font-weight:normal;padding:0.1em 1em 0.1em 0;white-space:nowrap"
_NUMBER = "text-align:right;font-weight:normal;padding:0.1em 0;white-space:nowrap"
_RULED = "border-top:1px solid currentColor;"  # as the text, on a light and on a dark page


def to_html(document: Document) -> str:
    """Lay a document out as a table a statement; several are an ordered list under their heading.

    Returns:
        A fragment in ASCII: letters beyond it are escaped, so that it reads right in a file that names no encoding.
    """
    tables = [_table(statement) for statement in document.statements]
    if document.heading is None:
        fragment = "\n".join(tables)
    else:
        steps = "\n".join(f"<li>\n{table}\n</li>" for table in tables)
        fragment = f"<div>\n<p><strong>{escape(document.heading)}</strong></p>\n<ol>\n{steps}\n</ol>\n</div>"
    return fragment.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _table(statement: Statement) -> str:
    rows = [_row(line.role, line.label, working=line.working, number=line.number) for line in statement.lines]
    check = [
        _row("total", "total", working=statement.working, number=statement.total, style=_RULED),
        _row("recorded", f"recorded by {statement.recorded_by}", number=statement.recorded),
        _row("difference", "difference", number=statement.difference),
        _row("tolerance", f"tolerance: it {statement.verdict}", number=statement.tolerance),
    ]
    heads = "".join(
        f'<th scope="col" style="{style}">{head}</th>'
        for head, style in (
            ("number", _WORDS),
            ("arithmetic", _WORDS),
            ("adds" if statement.adds else "value", _NUMBER),
        )
    )
    return "\n".join(
        [
            f'<table style="{_TABLE}">',
            f'<caption style="{_CAPTION}">{escape(statement.title)}</caption>',
            f"<thead><tr>{heads}</tr></thead>",
            "<tbody>",
            *rows,
            "</tbody>",
            "<tfoot>",
            *check,
            "</tfoot>",
            "</table>",
        ]
    )


def _row(role: str, label: str, *, number: str, working: Working | None = None, style: str = "") -> str:
    written = "" if working is None else write_working(working, _PATTERNS, number=_number)
    return (
        f'<tr data-role="{role}"><th scope="row" style="{style}{_WORDS}">{escape(label)}</th>'
        f'<td style="{style}{_WORDS}">{written}</td><td style="{style}{_NUMBER}">{escape(number)}</td></tr>'
    )


def _number(number: str) -> str:
    return escape(number.replace("-", "\N{MINUS SIGN}"))
