import torch
from torch import Tensor, nn

from convlens.training._optimiser import AdamW


def net_and_gradients() -> tuple[nn.Module, list[list[Tensor]]]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(12, 4)).double()
    return net, [[torch.randn_like(value) for value in net.parameters()] for _ in range(20)]


def step_all(net: nn.Module, gradients: list[list[Tensor]], optimiser: AdamW, *, first: int = 0) -> list[Tensor]:
    for number, values in enumerate(gradients, start=first + 1):
        for parameter, gradient in zip(net.parameters(), values, strict=True):
            parameter.grad = gradient.clone()
        optimiser.step(number, 0.01 * number)
    return [value.detach().clone() for value in net.parameters()]


def test_twenty_steps_are_those_of_torch_optim_adamw() -> None:
    net, gradients = net_and_gradients()
    ours = step_all(net, gradients, AdamW(net, betas=(0.8, 0.95), weight_decay=0.3))
    net, gradients = net_and_gradients()
    theirs = torch.optim.AdamW(net.parameters(), lr=1.0, betas=(0.8, 0.95), weight_decay=0.3)
    for number, values in enumerate(gradients, start=1):
        theirs.param_groups[0]["lr"] = 0.01 * number
        for parameter, gradient in zip(net.parameters(), values, strict=True):
            parameter.grad = gradient.clone()
        theirs.step()
    for one, other in zip(ours, net.parameters(), strict=True):
        torch.testing.assert_close(one, other.detach(), rtol=1e-12, atol=1e-14)  # float64; sums in another order


def test_a_step_drops_the_gradients() -> None:
    net, gradients = net_and_gradients()
    step_all(net, gradients[:1], AdamW(net, betas=(0.9, 0.99), weight_decay=0.0))
    assert [value.grad for value in net.parameters()] == [None] * 4


def test_a_parameter_without_a_gradient_stays() -> None:
    net, gradients = net_and_gradients()
    bias = net[2].bias
    before = bias.detach().clone()
    optimiser = AdamW(net, betas=(0.9, 0.99), weight_decay=0.5)
    for parameter, gradient in zip(list(net.parameters())[:3], gradients[0], strict=False):
        parameter.grad = gradient
    optimiser.step(1, 0.1)
    assert torch.equal(bias, before)


def test_an_optimiser_that_takes_over_a_state_goes_on_with_the_same_bits() -> None:
    net, gradients = net_and_gradients()
    straight = step_all(net, gradients, AdamW(net, betas=(0.9, 0.99), weight_decay=0.01))

    net, gradients = net_and_gradients()
    first = AdamW(net, betas=(0.9, 0.99), weight_decay=0.01)
    step_all(net, gradients[:7], first)
    second = AdamW(net, betas=(0.9, 0.99), weight_decay=0.01)
    second.load_state({name: value.clone() for name, value in first.state().items()})
    resumed = step_all(net, gradients[7:], second, first=7)
    assert all(torch.equal(one, other) for one, other in zip(straight, resumed, strict=True))
