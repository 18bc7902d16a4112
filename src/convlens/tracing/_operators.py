"""The one table of operators: from a call's arguments to its form. Each of the files named here adds its entries."""

from convlens.tracing import _operators_functions, _operators_moves, _operators_norms, _operators_sums
from convlens.tracing._entries import OPERATORS as OPERATORS
from convlens.tracing._entries import NoFormError as NoFormError

TABLES = (_operators_functions, _operators_moves, _operators_norms, _operators_sums)
