import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convlens.architectures import describe, resnet18
from convlens.figures._flow import flow
from convlens.figures._layout import LANE_GAP, Scale, fitting_scale, lay_out, needed_width
from convlens.figures._links import picture
from convlens.figures._rows import product, rows_of

SCALE = Scale(channel=0.01, row=0.02)


class Branches(nn.Module):
    """Three branches side by side, as in a block of GoogLeNet; then a shortcut; then two dense layers."""

    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(3, 4, 1)
        self.reduce = nn.Conv2d(3, 2, 1)
        self.three = nn.Conv2d(2, 8, 3, padding=1)
        self.project = nn.Conv2d(3, 3, 1)
        self.residual = nn.Conv2d(15, 15, 3, padding=1)
        self.norm = nn.BatchNorm2d(15)
        self.dense1 = nn.Conv2d(15, 5, 3, padding=1)
        self.dense2 = nn.Conv2d(20, 5, 3, padding=1)

    def forward(self, image):
        pooled = F.max_pool2d(image, 3, stride=1, padding=1)
        maps = torch.cat([self.one(image), self.three(F.relu(self.reduce(image))), self.project(pooled)], 1)
        maps = maps + F.relu(self.norm(self.residual(maps)))
        maps = torch.cat([maps, self.dense1(maps)], 1)
        return torch.cat([maps, self.dense2(maps)], 1)


@pytest.fixture(scope="module")
def nodes():
    return flow(describe(Branches(), image_shape=(3, 10, 10)))


@pytest.fixture(scope="module")
def boxes(nodes):
    return {box.node.layer.name: box for box in lay_out(nodes, SCALE)}


def test_a_box_is_as_high_as_its_rows_and_as_wide_as_its_maps(boxes):
    assert (boxes["three"].width, boxes["three"].height) == (pytest.approx(8 * 0.01), pytest.approx(10 * 0.02))


def test_every_box_stands_right_of_what_it_reads(nodes):
    laid = lay_out(nodes, SCALE)
    read = [(laid[place], box) for box in laid for place in box.node.reads]
    assert len(read) > 10
    assert all(source.right <= box.left for source, box in read)


def test_boxes_do_not_overlap():
    with torch.device("meta"):
        net = resnet18()
    for description in (describe(Branches(), image_shape=(3, 10, 10)), describe(net)):
        laid = [box for box in lay_out(flow(description), SCALE) if box.width > 0]
        pairs = [(one, other) for place, one in enumerate(laid) for other in laid[:place]]
        assert pairs
        for one, other in pairs:
            beside = one.left >= other.right - 1e-9 or other.left >= one.right - 1e-9
            assert beside or one.bottom >= other.top - 1e-9 or other.bottom >= one.top - 1e-9


def test_branches_stand_below_each_other_around_the_middle_line(boxes):
    names = ["one", "reduce", "max_pool2d_with_indices"]
    assert len({boxes[name].lane for name in names}) == 3
    assert sum(boxes[name].middle for name in names) == pytest.approx(0)
    assert boxes["three"].lane == boxes["reduce"].lane


def test_each_block_is_centred_for_itself():
    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.branches = nn.ModuleList(nn.Conv2d(channels, 4, 1) for _ in range(3))

        def forward(self, maps):
            return torch.cat([branch(maps) for branch in self.branches], 1)

    net = nn.Sequential(Block(3), nn.MaxPool2d(2), Block(12), nn.Conv2d(12, 3, 1))
    middles = {box.node.layer.name: box.middle for box in lay_out(flow(describe(net, image_shape=(3, 40, 40))), SCALE)}
    assert middles["1"] == middles["3"] == 0
    assert middles["2.branches.0"] == pytest.approx(20 * SCALE.row + LANE_GAP)


def test_a_shortcut_leads_over_the_layers_that_it_passes(nodes):
    laid = lay_out(nodes, SCALE)
    (over,) = [link for link in picture(nodes, SCALE).links if link.style == "over"]
    residual = next(box for box in laid if box.node.layer.name == "residual")
    assert over.start[0] < residual.left
    assert over.end[0] > residual.right
    assert residual.top < over.level <= picture(nodes, SCALE).above


def test_dense_links_lead_from_every_layer_of_the_block_to_every_later_one(nodes):
    first, second = [node for node in nodes if node.layer.kind == "concatenation"][1:]
    names = [nodes[place].layer.name for place in second.reads]
    assert names == ["add", "dense1", "dense2"]
    assert [nodes[place].layer.name for place in first.reads] == ["add", "dense1"]


def test_the_main_path_goes_straight_on_where_a_convolution_stands_in_the_shortcut():
    with torch.device("meta"):
        net = resnet18()
    laid = {box.node.layer.name: box for box in lay_out(flow(describe(net)), SCALE)}
    assert (laid["layer2.0.conv1"].lane, laid["layer2.0.conv2"].lane) == (0, 0)
    assert laid["layer2.0.downsample.0"].lane == 1


def test_the_longest_net_is_as_long_as_the_page_is_wide(nodes):
    short = nodes[:2]
    channel = fitting_scale([nodes, short], width=7.0, row=0.02)
    assert max(box.right for box in lay_out(nodes, Scale(channel, 0.02))) == pytest.approx(7.0)


def test_a_page_grows_where_the_gaps_of_a_deep_net_would_fill_it(nodes):
    bare = max(box.right for box in lay_out(nodes, Scale(0.0, 0.0)))
    width = needed_width([nodes], least=0.1)
    channel = fitting_scale([nodes], width=width, row=0.02)
    boxes = sum(box.width for box in lay_out(nodes, Scale(channel, 0.02)) if box.lane == 0)
    assert width > bare
    assert boxes > width / 3


def test_a_normalisation_shares_the_row_of_its_convolution(nodes):
    rows = [[nodes[place].layer.name for place in row.nodes] for row in rows_of(nodes)]
    assert ["residual", "norm"] in rows
    assert sum(len(row) for row in rows) == len(nodes)


def test_parameters_are_written_as_products_that_give_their_count():
    layers = describe(Branches(), image_shape=(3, 10, 10)).layers
    counted = [(layer.parameters, product(layer.weights)) for layer in layers if layer.parameters]
    assert len(counted) == 8
    for parameters, written in counted:
        assert parameters == sum(_multiplied(term) for term in written.split(" + "))


def _multiplied(term):
    number = 1
    for factor in term.split(" x "):
        number *= int(factor)
    return number
