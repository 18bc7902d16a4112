"""Derivatives are autograd's, and each is the sum of its terms."""

from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import convlens as cl
from convlens.errors import TraceError, UnsupportedError


class Branches(nn.Module):
    """Convolutions, pools, norms, attention, two branches and a product of both."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.grouped = nn.Conv2d(4, 4, (3, 2), stride=2, padding=(2, 1), dilation=(2, 1), groups=2)
        self.norm, self.group = nn.BatchNorm2d(4), nn.GroupNorm(2, 4)
        self.layer, self.slopes = nn.LayerNorm(4), nn.PReLU(4)
        self.larger = nn.ConvTranspose2d(4, 4, 2, stride=2, groups=2)
        self.fc = nn.Linear(24, 5)
        for tensor in (self.norm.running_mean, self.norm.running_var, self.norm.weight, self.norm.bias):
            tensor.data.uniform_(0.5, 2.0)

    def forward(self, image):
        left = F.max_pool2d(self.slopes(self.norm(self.conv(image))), 3, 2, 1)
        right = F.gelu(self.group(self.grouped(F.relu(self.conv(image)))))[:, :, : left.shape[2], : left.shape[3]]
        joined = left * right.sigmoid() + F.interpolate(F.avg_pool2d(left, 2), left.shape[2:], mode="bilinear")
        tokens = self.layer(joined.flatten(2).mT)
        tokens = torch.softmax(tokens @ tokens.mT, 2) @ tokens
        maps = self.larger(F.silu(tokens.mT.reshape(joined.shape)))
        pooled = torch.cat([F.adaptive_avg_pool2d(maps, (2, 3)).flatten(1)], 1)
        scaled = pooled / pooled.norm(dim=1, keepdim=True) + maps.amax((2, 3)).repeat(1, 6) * 0.1
        return F.log_softmax(self.fc(scaled.exp().tanh()), 1)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Branches().eval()


@pytest.fixture(scope="module")
def image():
    return torch.randn(2, 2, 6, 6, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def gradients(net, image):
    return cl.trace(net, image).gradient_of_loss(3, item=1)


def test_derivatives_of_the_loss_are_those_of_autograd(net, image, gradients):
    varied = image.clone().requires_grad_()
    loss = F.nll_loss(net(varied)[1:], torch.tensor([3]))
    names = [name for name, _ in net.named_parameters() if not name.startswith(("norm", "group", "larger", "slopes"))]
    expected = torch.autograd.grad(loss, [varied, *(net.get_parameter(name) for name in names)])
    assert gradients.value == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(gradients["input"], expected[0], rtol=1e-4, atol=1e-6)
    assert len(names) >= 6
    for name, slope in zip(names, expected[1:], strict=True):
        torch.testing.assert_close(gradients[name].reshape(slope.shape), slope, rtol=1e-4, atol=1e-6)


def test_every_derivative_closes(gradients):
    checked = 0
    for key, tensor in gradients.tensors.items():
        name = key.split("/", 1)[1]
        for place in list(product(*map(range, tensor.shape)))[:: 1 + tensor.numel() // 60]:
            item, index = (0, place) if key.startswith("weight/") else (place[0], place[1:])
            explanation = gradients.explain(name, *index, item=item)
            assert explanation.closes, str(explanation)
            assert explanation.tolerance < 1e-3, str(explanation)
            checked += 1
    assert checked > 1500


def test_a_weights_derivative_is_a_correlation_of_the_input_with_what_came_back(net):
    image = torch.randn(1, 2, 6, 6)
    trace = cl.trace(nn.Sequential(net.conv, nn.ELU()), image)
    gradients = trace.gradient("1", 2, 3, 4)
    explanation = gradients.explain("0.weight", 2, 1, 0, 2)
    (term,) = explanation.terms
    assert (term.source, term.index) == ("d 1[2, 3, 4] / d 0", (2, 3, 4))
    assert term.weight == image[0, 1, 3 + 0 - 1, 4 + 2 - 1]
    assert "0.weight[2, 1, 0, 2]" in str(explanation)
    assert "recorded by autograd" in str(explanation)


def test_a_relu_that_is_off_passes_nothing_on_and_says_so():
    trace = cl.trace(nn.ReLU(), torch.tensor([[[[-1.0, 2.0]]]]))
    off, on = (trace.gradient("relu", 0, 0, column).explain("input", 0, 0, column) for column in (0, 1))
    assert [(term.value, term.weight) for term in off.terms] == [(1, 0)]
    assert [(term.value, term.weight) for term in on.terms] == [(1, 1)]


def test_gradient_descent_is_a_line_of_arithmetic(net, image, gradients):
    old, slope = net.fc.weight[2, 7].item(), gradients["fc.weight"][2, 7].item()
    line = gradients.step("fc.weight", 2, 7, learning_rate=0.5)
    assert line.startswith("fc.weight[2, 7]: ")
    new, rest = line.split(": ")[1].split(" = ")
    assert float(new) == pytest.approx(old - 0.5 * slope, rel=1e-8)
    assert rest == f"{old:.9g} - 0.5 x ({slope:.9g})"


def test_what_has_no_derivative_is_refused(gradients, image):
    with pytest.raises(
        TraceError, match=r"by what it depends on. Received loss, name='conv9'. There are: .*conv.weight"
    ):
        gradients["conv9"]
    with pytest.raises(TraceError, match=r"one number an axis, below \(4, 2, 3, 3\).*index=\(9, 0, 0, 0\)"):
        gradients.explain("conv.weight", 9, 0, 0, 0)
    with pytest.raises(TraceError, match=r"Gradient descent changes weights. Received name='conv'"):
        gradients.step("conv", 0, learning_rate=1.0)
    with pytest.raises(TraceError, match=r"Received label=7, item=0, scores of shape \(2, 5\)"):
        cl.trace(nn.Sequential(nn.Flatten(), nn.Linear(72, 5)), image).gradient_of_loss(7)
    unknown = cl.trace(nn.Sequential(nn.Conv2d(2, 2, 1), Fraction(), nn.ReLU()), image)
    with pytest.raises(UnsupportedError, match=r"go back through forms. Received '1' on the way"):
        unknown.gradient("2", 0, 0, 0)


class Fraction(nn.Module):
    def forward(self, maps):
        return maps.frac()
