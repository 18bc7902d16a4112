"""Our max pooling against torch's: the same bits, the same gradients."""

import pytest
import torch
from torch import nn

from convlens.architectures._max_pool import MaxPool2d, _gains

WINDOWS = [
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)},
    {"kernel_size": 2, "dilation": 2},
    {"kernel_size": 2},
]
SHAPES = [(2, 5, 9, 11), (3, 33, 60, 61), (1, 16, 57, 50), (1, 2, 7, 7), (0, 4, 8, 8)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_bits_and_gradients_are_torchs_also_where_numbers_are_equal(
    shape: tuple[int, ...], window: dict, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randint(-3, 4, shape, generator=generator).to(dtype).relu_()  # many ties, most of them at zero
    if maps.numel():
        maps[0, 1, 2, 3] = float("nan")
    ours, theirs = (maps.clone().requires_grad_() for _ in range(2))
    assert _gains(ours) == (ours.numel() > 0)
    pooled, expected = MaxPool2d(**window)(ours), nn.MaxPool2d(**window)(theirs)
    assert pooled.is_contiguous()
    torch.testing.assert_close(pooled, expected, rtol=0, atol=0, equal_nan=True)
    gradient = torch.randn(expected.shape, generator=generator).to(dtype)
    pooled.backward(gradient)
    expected.backward(gradient)
    assert torch.equal(ours.grad, theirs.grad)
    with torch.no_grad():
        torch.testing.assert_close(MaxPool2d(**window)(maps), expected.detach(), rtol=0, atol=0, equal_nan=True)


def test_the_gradient_has_a_gradient() -> None:
    maps = torch.randn(2, 3, 6, 6, dtype=torch.float64, requires_grad=True)
    pool = MaxPool2d(3, stride=2)
    assert torch.autograd.gradcheck(pool, maps)
    assert torch.autograd.gradgradcheck(pool, maps)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # within torch.func.jvp
def test_torchs_transformations_go_through_it() -> None:
    maps = torch.randn(2, 3, 8, 8)
    pool = MaxPool2d(2)
    tangent = torch.randn_like(maps)
    _, ours = torch.func.jvp(pool, (maps,), (tangent,))
    _, theirs = torch.func.jvp(nn.MaxPool2d(2), (maps,), (tangent,))
    assert torch.equal(ours, theirs)
    mapped = torch.func.vmap(torch.func.grad(lambda each: pool(each[None]).square().sum()))(maps)
    expected = torch.func.vmap(torch.func.grad(lambda each: nn.MaxPool2d(2)(each[None]).square().sum()))(maps)
    assert torch.equal(mapped, expected)


def test_places_and_channels_last_maps_are_torchs_own() -> None:
    maps = torch.randn(2, 3, 8, 8)
    pooled, places = MaxPool2d(2, return_indices=True)(maps)
    expected, expected_places = nn.MaxPool2d(2, return_indices=True)(maps)
    assert torch.equal(pooled, expected)
    assert torch.equal(places, expected_places)
    assert MaxPool2d(2)(maps.contiguous(memory_format=torch.channels_last)).is_contiguous(
        memory_format=torch.channels_last
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_traced_program_pools_batches_of_any_length() -> None:
    with torch.no_grad():
        traced = torch.jit.trace(MaxPool2d(2), torch.randn(1, 32, 60, 60))
        maps = torch.randn(9, 32, 60, 60)
        assert torch.equal(traced(maps), nn.functional.max_pool2d(maps, 2))
