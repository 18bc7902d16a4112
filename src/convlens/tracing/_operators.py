"""The one table of operators: from a call's arguments to its form."""

from convlens.tracing import (  # noqa: F401  # each adds its entries to the table
    _operators_functions,
    _operators_moves,
    _operators_norms,
    _operators_reductions,
    _operators_resampling,
    _operators_sums,
)
from convlens.tracing._entries import OPERATORS as OPERATORS
from convlens.tracing._entries import NoFormError as NoFormError
