import pytest
import torch
from torch import nn

from convlens import architectures, insight
from convlens.errors import InsightError, TraceError


@pytest.fixture
def net():
    torch.manual_seed(4)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(180, 7)
    ).double()


@pytest.fixture
def image():
    return torch.randn(2, 3, 10, 10, dtype=torch.float64)


def test_the_gradient_is_the_quotient_of_small_differences(net, image):
    found = insight.gradient(net, image, target=2).values
    step = torch.zeros_like(image)
    step[0, 1, 4, 5] = 1e-6
    rise = float((net(image + step) - net(image - step)).detach()[0, 2]) / 2e-6
    assert float(found[1, 4, 5]) == pytest.approx(rise, rel=1e-6)


def test_a_unit_and_a_channel_of_a_layer_are_targets(net, image):
    unit = insight.gradient(net, image, target=("0", 2, 3, 4))
    # A convolution's derivative is its filter, under the window.
    assert torch.equal(unit.values[:, 3:6, 4:7], net[0].weight[2].detach())
    assert int(unit.values.count_nonzero()) == 27
    assert unit.target == "0, channel 2 at 3, 4"
    channel = insight.gradient(net, image, target=("0", 2))
    assert channel.value == pytest.approx(float(net[0](image)[0, 2].detach().mean()))


def test_the_top_class_is_the_target_unless_one_is_named(net, image):
    top = int(net(image)[0].argmax())
    assert insight.gradient(net, image).target == f"class {top}, the top class"
    lenet = architectures.open_net("lenet").net
    assert insight.gradient(lenet, torch.zeros(1, 1, 32, 32), target="7").target == "class 7 (7)"


def test_integrated_gradients_add_up_to_the_difference_to_the_baseline(net, image):
    base = torch.full_like(image[0], -0.5)
    found = insight.integrated_gradients(net, image, target=3, baseline=base, steps=2000, at_once=500)
    expected = float((net(image) - net(base[None])).detach()[0, 3])
    assert found.completeness.expected == pytest.approx(expected)
    assert float(found.values.sum()) == pytest.approx(expected, rel=1e-3)


def test_integrated_gradients_of_a_cube_are_exact():
    # The integral of 3 (a x)^2 x over a from 0 to 1 is x^3; two of Gauss and Legendre's points suffice.
    class Cube(nn.Module):
        def forward(self, image):
            return (image**3).sum(-1, keepdim=True)

    image = torch.tensor([[1.0, -2.0, 3.0]], dtype=torch.float64)
    found = insight.integrated_gradients(Cube(), image, target=0, steps=2)
    torch.testing.assert_close(found.values, torch.tensor([1.0, -8.0, 27.0], dtype=torch.float64))
    assert abs(found.completeness.gap) < 1e-12


def test_a_gap_is_noted_with_what_closes_it():
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU6()).requires_grad_(False)
    net[0].weight.fill_(100)
    found = insight.integrated_gradients(net, torch.ones(1, 1), target=0, steps=3)
    assert found.notes[-1] == "The gap is above 5%: more points than steps=3 would close it."


def test_the_same_seed_makes_the_same_smooth_grad_and_no_noise_the_gradient(net, image):
    one, same = (insight.smooth_grad(net, image, seed=1, samples=3).values for _ in range(2))
    assert torch.equal(one, same)
    assert not torch.equal(one, insight.smooth_grad(net, image, seed=2, samples=3).values)
    plain = insight.gradient(net, image).values
    torch.testing.assert_close(insight.smooth_grad(net, image, noise=0.0, samples=3).values, plain)


METHODS = [
    insight.gradient,
    insight.integrated_gradients,
    insight.smooth_grad,
    insight.grad_cam,
    insight.occlusion,
    insight.deconvnet,
    insight.guided_backpropagation,
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_a_net_is_left_as_it_was(method):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.LazyLinear(3))
    net(torch.randn(2, 1, 8, 8)).sum().backward()
    net[1].eval()
    modes = [module.training for module in net.modules()]
    before = [tensor.clone() for tensor in net.state_dict().values()]
    slopes = [weight.grad.clone() for weight in net.parameters()]
    state = torch.get_rng_state()
    with torch.no_grad():
        method(net, torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in net.modules()] == modes
    assert all(map(torch.equal, before, net.state_dict().values()))
    assert all(torch.equal(weight.grad, slope) for weight, slope in zip(net.parameters(), slopes, strict=True))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_what_cannot_be_a_target_is_refused(net, image):
    with pytest.raises(InsightError, match=r"counted from 0\. Received target=7 for an output of shape=\(7,\)"):
        insight.gradient(net, image, target=7)
    with pytest.raises(InsightError, match=r"named by its layer.*Received target=\('conv', 0\)\. Layers: 0, 1, 2"):
        insight.gradient(net, image, target=("conv", 0))
    with pytest.raises(InsightError, match=r"on the net's card\. Received target='cat'\. Classes: none"):
        insight.gradient(net, image, target="cat")


def test_settings_without_sense_are_refused(net, image):
    with pytest.raises(InsightError, match=r"Received steps=0\. steps=1 or more would do"):
        insight.integrated_gradients(net, image, steps=0)
    with pytest.raises(InsightError, match=r"shape of the input\. Received .*\(1, 2\).*\(3, 10, 10\) would do"):
        insight.integrated_gradients(net, image, baseline=torch.zeros(1, 2))
    with pytest.raises(InsightError, match=r"deviation of 0 or more\. Received noise=-1"):
        insight.smooth_grad(net, image, noise=-1)
    with pytest.raises(TraceError, match="this net does not say how"):
        insight.gradient(net, image[0].byte())
