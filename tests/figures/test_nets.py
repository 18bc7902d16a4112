import sys

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from torch import nn

from convlens import architectures, figures
from convlens.errors import FigureError, MissingPackageError, NetError
from convlens.figures._flow import flow


@pytest.fixture(scope="module")
def drawing():
    return figures.architectures(["lenet", "googlenet", "resnet18", "densenet40_cifar"])


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_nets_are_drawn_with_names_counts_and_scale_bars(drawing):
    written = texts(drawing)
    assert "googlenet (2015)" in written or "googlenet (2014)" in written
    assert "6,624,904 parameters" in written
    assert any(text.endswith(" rows") for text in written)
    assert any(text.endswith(" maps") for text in written)


def test_one_net_is_drawn_with_every_layer_its_shape_and_its_parameters_as_products():
    with_layers = texts(figures.architecture(architectures.LeNet()))
    assert {"conv1", "pool1", "conv2", "pool2", "fc1", "fc2", "scores"} <= set(with_layers)
    assert {"5 x 5 x 6 x 16 + 16", "16 x 10 x 10", "400 x 120 + 120"} <= set(with_layers)


def test_nothing_is_written_beyond_the_page_or_over_another_text(drawing):
    names = [
        "lenet",
        "googlenet_2014",
        "preact_resnet50",
        "resnet20_cifar",
        "densenet40_cifar",
    ]  # every colour and line
    long = figures.architecture(architectures.LeNet(), name="a long name " * 20)
    for figure in (drawing, figures.architectures(names), figures.architecture(architectures.LeNet()), long):
        renderer = FigureCanvasAgg(figure).get_renderer()
        frames = [text.get_window_extent(renderer) for axes in figure.axes for text in axes.texts]
        assert len(frames) > 20
        assert all(frame.x0 >= 0 and frame.x1 <= figure.bbox.x1 for frame in frames)
        assert all(frame.y0 >= 0 and frame.y1 <= figure.bbox.y1 for frame in frames)
        overlaps = [(one, other) for place, one in enumerate(frames) for other in frames[:place] if one.overlaps(other)]
        assert not overlaps


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_a_figure_is_written_in_the_format_of_its_name_the_same_each_time(tmp_path, drawing, suffix):
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        figures.save(drawing, path)
    content = paths[0].read_bytes()
    assert content == paths[1].read_bytes()
    assert content[:5] == {"svg": b"<?xml", "png": b"\x89PNG\r", "pdf": b"%PDF-"}[suffix]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{suffix}", f"b.{suffix}"]


def test_another_format_is_refused_with_a_name_that_works(tmp_path, drawing):
    with pytest.raises(ValueError, match=r"named after its format. Received path='.*nets.bmp'. Try 'nets.svg'"):
        figures.save(drawing, tmp_path / "nets.bmp")


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(
        NetError, match=r"Received names=\['vgg17'\], of which \['vgg17'\] is not known. Known: .*vgg16"
    ):
        figures.architectures(["vgg17"])


def test_a_net_of_which_nothing_is_drawn_is_refused():
    with pytest.raises(NetError, match=r"A picture shows convolutions.*Received ReLU with 1 other layers"):
        figures.architecture(nn.ReLU(), image_shape=(3, 4, 4))


def test_without_matplotlib_the_command_that_installs_it_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackageError, match=r"drawn by matplotlib.*Install it: pip install 'convlens\[plot\]'"):
        figures.architecture(architectures.LeNet())


@pytest.mark.parametrize("name", [entry.name for entry in architectures.entries()])
def test_all_parameters_are_in_the_chart(name):
    with torch.device("meta"):
        description = architectures.describe(getattr(architectures, name)())
    assert sum(node.layer.parameters for node in flow(description)) == description.parameters


def test_the_layers_of_a_transformer_are_drawn_with_all_their_parameters():
    layer = nn.TransformerEncoderLayer(16, 2, dim_feedforward=64, batch_first=True)
    net = nn.Sequential(nn.Conv2d(3, 16, 4, stride=4), nn.Flatten(2), Swapped(), layer)
    description = architectures.describe(net, image_shape=(3, 16, 16))
    nodes = flow(description)
    assert sum(node.layer.parameters for node in nodes) == description.parameters
    assert all(node.rows <= 16 for node in nodes)  # features are no rows


class Swapped(nn.Module):
    def forward(self, maps):
        return maps.transpose(1, 2)


def test_the_distances_of_lenet5_to_its_codes_are_a_box_of_ten():
    output = flow(architectures.describe(architectures.lenet5()))[-1]
    assert (output.channels, output.is_merge) == (10, False)


@pytest.mark.parametrize(
    ("path", "said"), [("x.gif", r"named after its format.*Try 'x.svg'"), ("none/x.png", r"Make '.*none'")]
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path, drawing, path, said):
    with pytest.raises(FigureError, match=said):
        figures.save(drawing, tmp_path / path)


def test_no_name_is_refused():
    with pytest.raises(NetError, match=r"Received names=\[\], no name"):
        figures.architectures([])
