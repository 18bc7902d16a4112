"""Every unit of every layer of the shipped network, on twenty real digits."""

from itertools import product

import pytest

import convlens as cl


@pytest.fixture(scope="module")
def digits(mnist_folder):
    return cl.data.load(mnist_folder).test


@pytest.mark.parametrize("number", range(20))
def test_every_unit_closes(digits, number):
    trace = cl.trace(cl.architectures.open_net("lenet").net, digits[number].image, probabilities=True)
    explained = 0
    for layer in trace.layers:
        for index in product(*map(range, trace[layer].maps.shape)):
            explanation = trace.explain(layer, *index)
            assert explanation.closes, f"\n{explanation}"
            explained += 1
    # conv1 and relu1, conv2 and relu2, two poolings, flatten, four ReLU and linear pairs, scores and probabilities
    assert explained == 2 * 6 * 28 * 28 + 2 * 16 * 10 * 10 + 6 * 14 * 14 + 2 * 400 + 2 * 120 + 2 * 100 + 2 * 10
