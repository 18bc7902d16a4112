from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from convlens.training._optimiser import Muon, orthogonalise


class SmallNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(2, 3, 3)
        self.scores = nn.Linear(12, 4)


def small_net() -> SmallNet:
    torch.manual_seed(0)
    return SmallNet().double()


def linear(weight: Tensor) -> nn.Linear:
    """A layer without bias, of these weights."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight)
    return layer


def gradients(count: int) -> list[list[Tensor]]:
    random = torch.Generator().manual_seed(1)
    return [
        [torch.randn(value.shape, generator=random, dtype=value.dtype) for value in small_net().parameters()]
        for _ in range(count)
    ]


def take_steps(net: nn.Module, values: list[list[Tensor]], step: Callable[[float], object]) -> list[Tensor]:
    for row in values:
        for parameter, gradient in zip(net.parameters(), row, strict=True):
            parameter.grad = gradient.clone()
        step(0.1)
    return [value.detach().clone() for value in net.parameters()]


@pytest.mark.parametrize(("rows", "columns"), [(6, 25), (30, 7), (5, 5)])
def test_orthogonalising_keeps_directions_and_evens_out_their_strength(rows: int, columns: int) -> None:
    matrix = torch.randn(rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    left, strength, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.mT @ orthogonalise(matrix) @ right.mT / max(1, rows / columns) ** 0.5
    torch.testing.assert_close(found, found.diagonal().diag(), rtol=0, atol=1e-12)  # the same singular vectors
    seen = strength > 0.1 * strength[0]
    assert (strength[0] / strength[seen].min()) > 1.5
    assert found.diagonal()[seen].min() > 0.3
    assert found.diagonal().max() < 1.3


def test_a_matrix_of_zeros_stays_one() -> None:
    assert orthogonalise(torch.zeros(3, 4)).count_nonzero() == 0


def test_matrices_move_as_with_torch_optim_muon() -> None:
    values, before = [[row[2]] for row in gradients(10)], small_net().scores.weight.detach()
    ours, theirs = linear(before), linear(before)
    optimiser = torch.optim.Muon(theirs.parameters(), lr=0.1, momentum=0.8, weight_decay=0.0, ns_steps=3)
    expected = take_steps(theirs, values, lambda _: optimiser.step())
    found = take_steps(ours, values, Muon(ours, momentum=0.8).step)
    # torch orthogonalises in bfloat16, of 8 bits: steps of 0.1 whose entries are below 1.
    torch.testing.assert_close(found, expected, rtol=0, atol=10 * 0.1 * 2**-7)
    assert (found[0] - before).abs().max() > 0.3


def test_a_filter_bank_moves_as_the_matrix_of_its_filters() -> None:
    values = [[row[0]] for row in gradients(3)]
    bank = nn.Conv2d(2, 3, 3, bias=False, dtype=torch.float64)
    matrix = linear(bank.weight.detach().flatten(1))
    moved = take_steps(bank, values, Muon(bank, momentum=0.9).step)
    expected = take_steps(matrix, [[row[0].flatten(1)] for row in values], Muon(matrix, momentum=0.9).step)
    assert torch.equal(moved[0].flatten(1), expected[0])


def test_a_bias_moves_by_the_learning_rate_along_its_gradient() -> None:
    net = small_net()
    before = net.scores.bias.detach().clone()
    row = gradients(1)[0]
    take_steps(net, [row], Muon(net, momentum=0.9).step)
    torch.testing.assert_close(before - net.scores.bias.detach(), 0.1 * row[3] / row[3].norm())


def test_a_step_drops_the_gradients() -> None:
    net = small_net()
    take_steps(net, gradients(1), Muon(net, momentum=0.9).step)
    assert [value.grad for value in net.parameters()] == [None] * 4


def test_a_parameter_without_a_gradient_stays() -> None:
    net = small_net()
    before = net.scores.bias.detach().clone()
    optimiser = Muon(net, momentum=0.9)
    for parameter, gradient in list(zip(net.parameters(), gradients(1)[0], strict=True))[:3]:
        parameter.grad = gradient
    optimiser.step(0.1)
    assert torch.equal(net.scores.bias, before)


def test_an_optimiser_that_takes_over_a_state_goes_on_with_the_same_bits() -> None:
    values = gradients(12)
    net = small_net()
    straight = take_steps(net, values, Muon(net, momentum=0.9).step)

    net = small_net()
    first = Muon(net, momentum=0.9)
    take_steps(net, values[:7], first.step)
    second = Muon(net, momentum=0.9)
    second.load_state({name: value.clone() for name, value in first.state().items()})
    resumed = take_steps(net, values[7:], second.step)
    assert all(torch.equal(one, other) for one, other in zip(straight, resumed, strict=True))
