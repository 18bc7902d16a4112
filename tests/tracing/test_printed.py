from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import convlens as cl
from convlens.tracing._decimals import count_decimals, format_tolerance, format_units, to_units
from convlens.tracing._printed import print_numbers


def number(printed: str) -> Decimal:
    return Decimal(printed.replace("\N{MINUS SIGN}", "-"))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_printed_terms_add_up_to_printed_subtotals_and_these_to_the_printed_total(scale):
    torch.manual_seed(2)
    trace = cl.trace(nn.Conv2d(3, 4, 5), torch.randn(1, 3, 9, 9) * scale)
    for index in np.ndindex(4, 5, 5):
        explanation = trace.explain("convolution", *index)
        printed = print_numbers(explanation)
        subtotals = list(printed.subtotals.values())
        assert len(subtotals) == 3
        for channel, subtotal in enumerate(subtotals):
            terms = printed.terms[25 * channel : 25 * channel + 25]
            assert sum(map(number, terms)) == number(subtotal)
        assert sum(map(number, [*subtotals, printed.addends["bias"]])) == number(printed.total)
        assert number(printed.total) - number(printed.recorded) == number(printed.difference)
        assert abs(float(number(printed.total)) - explanation.total) <= explanation.tolerance / 10


def test_the_exponentials_of_a_softmax_add_up_to_the_printed_sum():
    trace = cl.trace(cl.architectures.build("lenet"), torch.randn(1, 1, 32, 32), probabilities=True)
    printed = print_numbers(trace.explain("probabilities", 3))
    assert sum(map(number, printed.terms)) == number(printed.sum)
    assert float(number(printed.terms[3]) / number(printed.sum)) == pytest.approx(
        float(number(printed.total)), abs=1e-6
    )


@given(st.floats(-1e6, 1e6), st.integers(0, 9))
def test_a_printed_number_is_the_nearest_with_its_decimals(value, decimals):
    printed = number(format_units(to_units(value, decimals), decimals))
    assert -printed.as_tuple().exponent == decimals
    last_decimal, scaling = (
        Decimal(10) ** -decimals,
        Decimal(abs(value)) * Decimal(2) ** -52,
    )  # value * 10**d is rounded
    assert abs(printed - Decimal(value)) <= last_decimal / 2 + scaling


@given(st.floats(1e-30, 1e30))
def test_a_printed_tolerance_is_not_below_the_true_one_and_at_most_a_tenth_above(tolerance):
    printed = float(format_tolerance(tolerance))
    assert tolerance * (1 - 1e-12) <= printed <= tolerance * 1.1000001


@given(st.integers(1, 5000), st.floats(1e-12, 1.0), st.floats(1e-3, 1e6))
def test_all_roundings_together_stay_below_a_tenth_of_the_tolerance(rounded, tolerance, magnitude):
    decimals = count_decimals(rounded, tolerance=tolerance, magnitude=magnitude)
    units = magnitude * 10.0**decimals
    assert units < 2**53
    if units * 10 < 2**53:
        assert rounded * 0.5 * 10.0**-decimals <= tolerance / 10


def test_an_explanation_reads_as_text():
    net = nn.Linear(2, 1)
    net.weight.data = torch.tensor([[0.5, -2.0]])
    net.bias.data = torch.tensor([1.0])
    text = str(cl.trace(net, torch.tensor([[3.0, 0.25]])).explain("addmm", 0))
    assert text.splitlines()[0] == "addmm[0]: sum of 2 numbers [aten.addmm.default]"
    assert [line.split() for line in text.splitlines()[2:6]] == [
        ["input[0]", "3", "x", "0.5", "=", "1.50000000"],
        ["input[1]", "0.25", "x", "-2", "=", "\N{MINUS SIGN}0.50000000"],
        ["bias", "1.00000000"],
        ["total", "2.00000000"],
    ]
    assert text.endswith("closes")
