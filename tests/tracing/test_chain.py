"""A unit followed back through convolution, normalisation, function and pooling."""

import json
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

import convlens as cl
from convlens.errors import TraceError, UnsupportedError
from convlens.tracing import Chain


def names(chain: Chain) -> list[str]:
    return [step.call.name for step in chain.steps]


class Block(nn.Module):
    """Two of them make a residual net; the first one's shortcut has a convolution."""

    def __init__(self, channels: int, *, widens: bool):
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()
        self.shortcut = nn.Conv2d(channels, 4, 1) if widens else nn.Identity()

    def forward(self, image):
        return self.relu(self.norm(self.conv(image)) + self.shortcut(image))


def test_a_pooled_unit_leads_back_through_its_winner_to_the_convolution():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2))
    image = torch.randn(1, 2, 8, 8)
    trace = cl.trace(net, image)
    chain = trace.explain_chain("3", 1, 2, 0)
    assert names(chain) == ["0", "1", "2", "3"]
    place = int(trace["2"].maps[1, 4:6, 0:2].argmax())
    winner = (1, 4 + place // 2, place % 2)
    assert [step.index for step in chain.steps] == [winner, winner, winner, (1, 2, 0)]
    assert chain.closes
    for earlier, later in zip(chain.steps, chain.steps[1:], strict=False):
        assert earlier.recorded in later.values


def test_an_addition_is_followed_into_both_branches():
    trace = cl.trace(nn.Sequential(Block(2, widens=True)), torch.randn(1, 2, 6, 6))
    assert names(trace.explain_chain("0.relu", 3, 2, 1)) == ["0.conv", "0.norm", "0.shortcut", "0.add", "0.relu"]


def test_an_addition_before_the_nearest_one_ends_its_branch():
    trace = cl.trace(
        nn.Sequential(Block(2, widens=True), Block(4, widens=False), Block(4, widens=False)), torch.randn(1, 2, 6, 6)
    )
    assert names(trace.explain_chain("2.relu", 0, 3, 3)) == ["1.add", "1.relu", "2.conv", "2.norm", "2.add", "2.relu"]


def test_a_number_that_two_functions_read_is_one_step():
    def repeated(image):
        for _ in range(40):  # followed way by way these would be 2^40
            image = image * image.sigmoid()
        return image

    trace = cl.trace(Lambda(repeated), torch.randn(1, 1, 2, 2))
    assert len(trace.explain_chain(trace.layers[-1], 0, 1, 1).steps) == 80


def test_a_probability_leads_back_to_its_own_score():
    trace = cl.trace(nn.Sequential(nn.Linear(5, 4)), torch.randn(1, 5), probabilities=True)
    chain = trace.explain_chain("probabilities", 2)
    assert [(step.call.name, step.index) for step in chain.steps] == [("0", (2,)), ("probabilities", (2,))]


def test_a_sum_of_many_numbers_is_a_chain_of_one_step():
    trace = cl.trace(nn.Conv2d(1, 1, 3), torch.randn(1, 1, 4, 4))
    assert names(trace.explain_chain("convolution", 0, 0, 0)) == ["convolution"]


@pytest.mark.parametrize("place", range(4))
def test_a_convolutions_unit_goes_on_through_relu_and_through_pooling_where_it_wins(place):
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    trace = cl.trace(net, torch.randn(1, 2, 6, 6))
    wins = place == int(trace["2"].maps[1, 2:4, 0:2].argmax())
    chain = trace.explain_chain("0", 1, 2 + place // 2, place % 2, onward=True)
    assert names(chain) == (["0", "1", "2", "3", "4"] if wins else ["0", "1", "2"])
    assert chain.unit == f"0[1, {2 + place // 2}, {place % 2}]"
    assert chain.steps[-1].index == ((6,) if wins else (1, 2 + place // 2, place % 2))  # 1 * 4 + 1 * 2 + 0


def test_what_meets_another_number_ends_its_way():
    trace = cl.trace(nn.Sequential(Block(2, widens=True)), torch.randn(1, 2, 6, 6))
    assert names(trace.explain_chain("0.conv", 3, 2, 1, onward=True)) == ["0.conv", "0.norm", "0.add"]


MOVES = {
    "permute": lambda image: image.permute(0, 3, 1, 2),
    "slice": lambda image: image[:, 1:, ::2, 1:],
    "pad": lambda image: nn.functional.pad(image, (1, -1, 2, 0)),
    "concatenate": lambda image: torch.cat([nn.functional.avg_pool2d(image, 3, 1, 1), image, image], 1),
    "reshape": lambda image: image.view(1, 6, 6),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_a_moved_number_is_found_where_it_went(move):
    trace = cl.trace(Lambda(lambda image: move(image + 1)), torch.randn(1, 3, 4, 3))
    numbers = trace["add"].maps
    moved = trace.tensors[trace.calls[-1].output]
    found = 0
    for index in torch.cartesian_prod(*map(torch.arange, numbers.shape)).tolist():
        steps = trace.explain_chain("add", *index, onward=True).steps[1:]
        places = [step.index for step in steps if step.call == trace.calls[-1]]
        assert places == [tuple(at) for at in (moved[0] == numbers[tuple(index)]).nonzero().tolist()]
        found += len(places)
    assert found == int(torch.isin(moved, numbers).sum()) > 5


def test_a_chain_follows_the_item_that_was_asked_for():
    trace = cl.trace(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), torch.randn(4, 3))
    first, last = trace.explain_chain("1", 1, item=3).steps
    assert first.recorded == trace["0"].output[3, 1].item()
    assert last.recorded == trace["1"].output[3, 1].item()


def test_a_chain_ends_where_an_operator_has_no_form():
    trace = cl.trace(Lambda(lambda image: torch.relu(image.cumsum(2))), torch.randn(1, 1, 3))
    assert names(trace.explain_chain("relu", 0, 1)) == ["relu"]
    with pytest.raises(UnsupportedError, match="explained by its operator's form"):
        trace.explain_chain("cumsum", 0, 1)
    with pytest.raises(TraceError, match=r"named as in trace\.layers. Received layer='none'"):
        trace.explain_chain("none", 0, 1)


def test_a_chain_is_one_text_whose_steps_each_close():
    trace = cl.trace(nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU()), torch.randn(1, 2, 5, 5))
    text = str(trace.explain_chain("1", 2, 1, 1))
    assert text.splitlines()[0] == "1[2, 1, 1] in 2 steps, all of which close"
    assert "\n\n1. 0[2, 1, 1]: sum of 18 numbers [aten.convolution.default]\n\n   input[0, 1, 1]  " in text
    assert "\n\n2. 1[2, 1, 1]: relu of 1 number [aten.relu.default]\n\n   0[2, 1, 1]  " in text
    assert text.count(": closes") == 2


def test_a_step_that_does_not_close_is_said_in_the_first_line():
    trace = cl.trace(nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU()), torch.randn(1, 2, 5, 5))
    trace.tensors["activation/0"][0, 2, 1, 1] += 1
    chain = trace.explain_chain("1", 2, 1, 1)
    assert not chain.closes
    assert "NOT ALL OF WHICH CLOSE" in str(chain).splitlines()[0]


def test_a_chain_is_html_latex_and_json_as_well():
    trace = cl.trace(nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(3)), torch.randn(1, 2, 5, 5))
    chain = trace.explain_chain("2", 1, 0, 0)
    captions = [caption.text for caption in ElementTree.fromstring(chain._repr_html_()).iter("caption")]
    assert captions == [step.title for step in chain.steps]
    assert chain.to_latex().count(r"\begin{align*}") == chain.to_latex().count(r"\end{align*}") == 3
    data = json.loads(chain.to_json())
    assert [step["layer"] for step in data["steps"]] == ["0", "1", "2"]


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, image):
        return self.function(image)
