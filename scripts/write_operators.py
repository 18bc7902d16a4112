"""Write docs/operators.md: which operators of torch have a form. Run it after a change of the tables of operators.

python scripts/write_operators.py
"""

from collections import defaultdict
from pathlib import Path

from convlens.tracing._operators import OPERATORS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "operators.md"

# Tables of operators, in the order of the page: what their forms are, and what to know of them.
TABLES = {
    "_operators_sums": (
        "Sums over windows, and maxima",
        "`weighted_sum`, `maximum`; a product of two computed matrices is a `contraction`, an average over uneven "
        "windows a `resampling`. Global average pooling is a `weighted_sum`, other means are a `reduction`.",
    ),
    "_operators_norms": (
        "Normalisations",
        "`weighted_sum` for batch normalisation in evaluation, `standardisation` for the others and in training, "
        "`normalisation` for softmax. Local response normalisation is recorded as the products, padding, mean, power "
        "and quotient that torch makes it of.",
    ),
    "_operators_functions": (
        "Functions of the numbers at one place",
        "`pointwise`. Dropout in evaluation is no call, in training a product with a recorded mask.",
    ),
    "_operators_reductions": ("One number of many", "`reduction`."),
    "_operators_resampling": ("Weights that change from place to place", "`resampling`."),
    "_operators_moves": ("Moves", "`rearrangement`: nothing is computed, numbers change their place."),
}


def page() -> str:
    """Write the page."""
    found = defaultdict(list)
    for operator, entry in OPERATORS.items():
        found[entry.__module__.rsplit(".", 1)[1]].append(str(operator).removesuffix(".default"))
    lines = [
        "# Operators that have a form",
        "",
        "Written by `scripts/write_operators.py` from the tables in `src/convlens/tracing/_operators_*.py`. Layers of",
        "`torch.nn` and functions of `torch.nn.functional` call these; an underscore at the end means in place.",
        "[ARCHITECTURE.md](../ARCHITECTURE.md) says what each form is. Any other operator is recorded with its values,",
        "marked *unsupported* with the reason, and never guessed: sorting, recurrent layers, `fold`, fractional",
        "pooling, indices and weights that are computed from the image.",
    ]
    for table, (title, forms) in TABLES.items():
        lines += ["", f"## {title}", "", forms, "", ", ".join(f"`{name}`" for name in sorted(found.pop(table)))]
    assert not found, f"tables without a place on the page: {list(found)}"
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
