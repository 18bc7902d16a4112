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
    random = torch.Generator().manual_seed(0)
    matrix = torch.randn(rows, columns, dtype=torch.float64, generator=random)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    uneven = left @ torch.logspace(0, -1.9, len(right), dtype=torch.float64).diag() @ right  # strengths of 1 to 1 / 80
    found = left.mT @ orthogonalise(uneven) @ right.mT / max(1, rows / columns) ** 0.5
    torch.testing.assert_close(found, found.diagonal().diag(), rtol=0, atol=1e-12)  # the same singular vectors
    assert found.diagonal().min() > 0.19
    assert found.diagonal().max() < 2


@pytest.mark.parametrize(("rows", "columns"), [(700, 900), (900, 700)])
def test_blocks_of_a_large_matrix_are_evened_out_each_alone(rows: int, columns: int) -> None:
    random = torch.Generator().manual_seed(0)
    matrix = torch.randn(rows, columns, dtype=torch.float64, generator=random)
    found = orthogonalise(matrix) / max(1, rows / columns) ** 0.5
    blocks = zip(*((each if rows <= columns else each.mT).split(512) for each in (matrix, found)), strict=True)
    for block, evened in blocks:
        torch.testing.assert_close(evened, orthogonalise(block), rtol=0, atol=1e-12)


def test_a_matrix_of_zeros_stays_one() -> None:
    assert orthogonalise(torch.zeros(3, 4)).count_nonzero() == 0


def test_a_matrix_moves_along_the_polar_factor_of_nesterovs_momentum() -> None:
    values, weight = [row[2] for row in gradients(5)], small_net().scores.weight.detach()
    (found,) = take_steps(layer := linear(weight), [[value] for value in values], Muon(layer, momentum=0.8).step)
    mean = torch.zeros_like(weight)
    for value in values:
        mean = 0.8 * mean + 0.2 * value
        left, strength, right = torch.linalg.svd(0.2 * value + 0.8 * mean, full_matrices=False)
        strength = strength / strength.norm()
        # Amsel et al. (2025), algorithm 1: the coefficients of its first two iterations
        for a, b, c in (
            (8.28721201814563, -23.595886519098837, 17.300387312530933),
            (4.1070591, -2.9478499, 0.5448431),
        ):
            strength = a * strength + b * strength**3 + c * strength**5
        weight = weight - 0.1 * left @ strength.diag() @ right
    torch.testing.assert_close(found, weight, rtol=0, atol=1e-3)  # coefficients are rounded to four digits


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
