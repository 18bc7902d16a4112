import copy
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from convlens.architectures._blocks import ScaledTanh, SoftmaxHead, SumPool2d, SVMHead, TrainedSubsampling
from convlens.architectures._written import WrittenNet, is_written, layers, read_layers, title_of
from convlens.data import DataSet, digits
from convlens.errors import NetError, ShapeError
from convlens.tracing import trace
from convlens.training import open_run, resume, train

EXAMPLE = Path(__file__).parents[2] / "examples" / "net.yaml"


def children(net: nn.Module) -> list[tuple[str, type]]:
    return [(name, type(layer)) for name, layer in net.named_children()]


def text_of(*lines: str, image: str = "1 x 32 x 32") -> str:
    return f"image: {image}\nlayers:\n" + "".join(f"  - {line}\n" for line in lines)


def test_the_example_is_the_net_that_one_would_write_in_torch():
    plain = nn.Sequential(
        nn.Conv2d(1, 8, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    net = read_layers(EXAMPLE)
    for ours, theirs in zip(plain.parameters(), net.parameters(), strict=True):
        ours.data.copy_(theirs)
    images = torch.randn(3, 1, 32, 32)
    torch.testing.assert_close(net(images), plain(images))
    assert (net.name, net.image_shape, net.least_size, net.loss) == ("small", (1, 32, 32), None, "cross_entropy")


def test_every_kind_of_layer_has_a_module_and_a_name():
    lines = ["convolution 6, 5x5", "batch norm", "relu", "max 2x2", "tanh", "average 2x2", "scaled tanh", "sum 2x2"]
    lines += ["trained subsampling", "sigmoid", "dropout 0.5", "fully connected 5", "batch norm", "scores"]
    assert children(layers(lines, image_shape=(1, 36, 36))) == [
        ("conv1", nn.Conv2d),
        ("norm1", nn.BatchNorm2d),
        ("relu1", nn.ReLU),
        ("pool1", nn.MaxPool2d),
        ("tanh1", nn.Tanh),
        ("pool2", nn.AvgPool2d),
        ("tanh2", ScaledTanh),
        ("pool3", SumPool2d),
        ("pool4", TrainedSubsampling),
        ("sigmoid1", nn.Sigmoid),
        ("drop1", nn.Dropout),
        ("flatten", nn.Flatten),
        ("fc1", nn.Linear),
        ("norm2", nn.BatchNorm1d),
        ("scores", nn.Linear),
    ]


def test_options_reach_the_convolution():
    first = layers(
        ["convolution 6, 3 x 5, padding 1x2, stride 2x1, dilation 2, groups 3, no bias", "softmax"],
        image_shape=(3, 20, 20),
    )
    expected = nn.Conv2d(3, 6, (3, 5), (2, 1), (1, 2), (2, 2), groups=3, bias=False)
    assert repr(first.conv1) == repr(expected)


@pytest.mark.parametrize(("border", "rows"), [("", 28), (", narrow", 28), (", same", 32), (", wide", 36)])
def test_borders_are_narrow_same_and_wide(border, rows):
    net = layers([f"convolution 2, 5x5{border}", "softmax"])
    assert net.conv1(torch.zeros(1, 1, 32, 32)).shape == (1, 2, rows, rows)


@pytest.mark.parametrize("kind", ["max", "average", "sum"])
def test_options_reach_the_pools(kind):
    net = layers([f"{kind} 3x3, stride 2, padding 1", "softmax"])
    assert net.pool1(torch.zeros(1, 1, 32, 32)).shape == (1, 1, 16, 16)  # (32 + 2 - 3) // 2 + 1


@pytest.mark.parametrize(
    ("head", "kind", "loss"),
    [("softmax", SoftmaxHead, "cross_entropy"), ("svm", SVMHead, "hinge"), ("scores", nn.Linear, "cross_entropy")],
)
def test_the_last_line_says_the_loss(head, kind, loss):
    net = layers([head], classes=3)
    assert (type(net.scores), net.scores.out_features, net.loss) == (kind, 3, loss)


def test_case_spaces_commas_and_the_sign_of_multiplication_are_free():
    plain = layers(["convolution 6, 5x5, same", "relu", "softmax 4"])
    free = layers(["Convolution  6 5 \u00d7 5 SAME", "ReLU", "Softmax 4"])
    assert repr(plain) == repr(free)


def test_the_text_builds_the_same_layers_again():
    net = layers(
        ["edges: convolution 6, 5x5, wide", "relu", "average all", "svm"], image_shape=(3, 40, 32), classes=4, name="a"
    )
    again = read_layers(net.text, classes=4)
    assert (repr(again), again.text, again.name, again.image_shape) == (repr(net), net.text, "a", (3, 40, 32))
    assert copy.deepcopy(net).text == net.text


def test_a_text_is_kept_as_it_was_written_comments_and_all():
    assert read_layers(EXAMPLE).text == EXAMPLE.read_text()


@pytest.mark.parametrize(
    ("source", "says"), [("a.yaml", True), ("image: 1 x 2 x 2\nlayers: []", True), ("lenet", False)]
)
def test_texts_and_their_files_are_told_from_names(source, says):
    assert is_written(source) is says


def test_a_written_net_is_called_what_its_text_calls_it():
    flow = read_layers("{image: 1 x 8 x 8, layers: [svm]}")
    assert [title_of(each) for each in (str(EXAMPLE), EXAMPLE.read_text(), flow.text, "lenet")] == [
        "small",
        "small",
        "net",
        "lenet",
    ]


def test_a_net_that_averages_whole_maps_reads_any_size_that_its_windows_fit():
    net = layers(["convolution 4, 5x5", "max 2x2", "convolution 4, 3x3", "average all", "softmax"])
    assert net.least_size == 10  # 3 + 2 = 5 maps before the pool need 2 * 3 = 6, and 6 + 4 = 10
    assert net(torch.zeros(2, 1, 10, 47)).shape == (2, 10)
    with pytest.raises(ShapeError, match=r"9 x 9.*at conv2"):
        net(torch.zeros(2, 1, 9, 9))


def test_a_net_with_fully_connected_layers_reads_one_size():
    with pytest.raises(ShapeError, match=r"fixed count of numbers. Received .*\(2, 1, 28, 28\)"):
        layers(["fully connected 4", "softmax"])(torch.zeros(2, 1, 28, 28))


def test_a_window_that_does_not_fit_is_refused_with_line_arithmetic_and_what_would_fit():
    text = text_of("max 4x4", "max 2x2", "relu", "max 5x5", "softmax")
    with pytest.raises(
        ShapeError,
        match=r'line 6, "max 5x5", where maps of 4 x 4 are left of an image of 32 x 32. A window of 5 pixels does not '
        r"fit into 4. Received size=4, kernel_size=5.*A padding of 1 or more would fit. Or write image: 1 x 40 x 40",
    ):
        read_layers(text)
    assert read_layers(text.replace("32 x 32", "40 x 40")).least_size is None
    with pytest.raises(ShapeError, match="max 5x5"):
        read_layers(text.replace("32 x 32", "39 x 39"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "maxx 2x2",
            r"begins with a kind of layer. Received layer 1, \"maxx 2x2\". Nearest: max. Known: convolution, ",
        ),
        ("conv 8, 5x5", r"Nearest: convolution. Known"),
        ("Linear 8", r"Nearest: fully connected. Known"),
        ("batchnorm", r"Nearest: batch norm. Known"),
        ("", r"begins with a kind of layer. Received layer 1, \"\". Known"),
        (
            "convolution 8, 5x5, wid",
            r"what its kind takes, once. Received .* with 'wid'. Nearest: wide. Convolution takes",
        ),
        (
            "convolution 8, 5x5, 3x3",
            r"once. Received .* with '3x3'. Convolution takes a count of filters, a size such as 5x5",
        ),
        ("max 2x2, wide", r"once. Received .* with 'wide'. Max takes a size such as 5x5, stride, padding"),
        ("relu 5", r"once. Received .* with '5'. Relu takes nothing more"),
        ("convolution 32", r"line is whole. Received .* An example: convolution 32, 5x5, wide"),
        ("convolution 5x5", r"line is whole. Received .* An example: convolution 32, 5x5, wide"),
        ("dropout", r"line is whole. Received .* Dropout takes a share. An example: dropout 0.5"),
        ("dropout 5", r"share between 0 and 1. Received .* A usual one is 0.5"),
        ("convolution 2.5, 3x3", r"Filters are counted: 1 to 1000000. Received layer 1"),
        ("fully connected 0", r"Units are counted: 1 to 1000000. Received layer 1"),
        ("max 2x2, stride", r"stride is a whole number from 1 .* with stride and nothing after it. A usual one is 2"),
        ("max 2x2, stride 0", r"whole number from 1 .* with stride 0. A usual one is 2"),
        ("max 2x2, padding -1", r"whole number from 0 .* with padding -1. A usual one is 1"),
        ("convolution 4, 3x3, groups 1x2", r"groups is a whole number from 1 .* with groups 1x2. A usual one is 2"),
        ("max 3x3, padding 2", r"at most half its window.* Received .* A padding of 1x1 is the most"),
        ("convolution 5, 3x3, groups 2", r"Groups divide .* 3 maps, 5 filters, 2 groups. Groups of 1 would do"),
        ("convolution 8, 3x3, same, stride 2", r"stride of 1. Received .* Write padding 1x1 for its border"),
        ("convolution 8, 3x3, wide, padding 1", r"one kind of border. Received .* with wide and padding. Keep one"),
        (
            "convolution 8, 4x4, same",
            r"has a middle. Received kernel_size=4, dilation=1. Take kernels of 3 or 5.* layer 1",
        ),
        ("average all, stride 2", r"no window. Received .* Write: average all"),
        (
            "softmax",
            r"Scores are the last layer. Received layer 1, .* before layer 2, \"softmax\". Leave one of them out",
        ),
        ("loss: relu", r"nor anything else of a net. Received layer 1, \"loss: relu\".* Name it anew: own_0: relu"),
        ("two words: relu", r"word of letters, digits and _ .* Received .* 'two words'. Name it anew"),
        ("convolution 1000000, 32x32", r"at most 1,000,000,000 parameters. Received 3,0.*most of them in conv1. Pool"),
    ],
)
def test_a_line_with_a_fault_is_refused_and_said_why(line, message):
    with pytest.raises((NetError, ShapeError), match=message):
        layers([line, "softmax"], image_shape=(3, 32, 32))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], r"ends with its scores. Received no layer at the end. Add a line: softmax"),
        (["relu"], r"ends with its scores. Received layer 1, \"relu\" at the end. Add a line: softmax"),
        (
            ["fully connected 5", "max 2x2", "svm"],
            r"read maps. Received layer 2, .*a row of 5 numbers. Move it before them",
        ),
        (["fully connected 5", "convolution 2, 1x1", "svm"], r"read maps. Received layer 2, .* Move it before them"),
        (["a: relu", "a: tanh", "svm"], r"no other layer has.* Received layer 2, \"a: tanh\", to be called 'a'"),
        (["svm 3"], r"one score a class. Received layer 1, \"svm 3\" for 5 classes. Write svm without a number"),
    ],
)
def test_lines_that_do_not_belong_together_are_refused(lines, message):
    with pytest.raises(NetError, match=message):
        layers(lines, classes=5)


@pytest.mark.parametrize(("line", "classes"), [("softmax 1", None), ("softmax", 1), ("softmax", 0)])
def test_fewer_than_two_classes_are_refused(line, classes):
    with pytest.raises(NetError, match=r"2 classes or more apart. Received layer 1, .* Add a class"):
        layers([line], classes=classes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- relu\n- softmax", r"has an image and layers. Received '- relu"),
        (
            "image: 3 x 32 x 32\n",
            r"an image and a list of layers. Received image without the one or the other. An example",
        ),
        (
            "images: 1 x 1 x 1\nlayers: [svm]",
            r"each once. Received line 1 with 'images'. Nearest: image. Known: name, image",
        ),
        ("layers: [svm]\nlayers: [svm]\nimage: 1 x 1 x 1", r"each once. Received line 2 with 'layers' again"),
        ("image: 3 x 32\nlayers: [svm]", r"channels, rows and columns, from 1 to 4096 .* image: 3 x 32. An example"),
        ("image: 1 x 5000 x 1\nlayers: [svm]", r"from 1 to 4096 each. Received image: 1 x 5000 x 1"),
        ("image: [", r"written in YAML. Received while parsing.*line 1, column 9"),
        ("image: 1 x 8 x 8\nlayers:\n  - [relu]", r"a line of text. Received line 3 with a sequence"),
        ("image: 1 x 8 x 8\nlayers:\n  - {a: relu, b: svm}", r"a line of text. Received line 3 with a mapping"),
        (
            "name: a/b\nimage: 1 x 8 x 8\nlayers: [svm]",
            r"letters, digits, hyphens and dots.*'a/b'. An example: small-net",
        ),
        ("[" * 5000 + "\n", r"written in YAML. Received maximum recursion depth"),
        ("#" * 100_001, r"a few lines. Received more than 100000 characters. Leave some out"),
        ("!!python/object/apply:os.getcwd []\n", r"has an image and layers. Received '!!python"),
    ],
)
def test_a_text_that_describes_no_net_is_refused(text, message):
    with pytest.raises((NetError, ShapeError), match=message):
        read_layers(text)


def test_sides_of_an_image_may_stand_in_a_list():
    assert read_layers("image: [3, 16, 8]\nlayers: [svm]\n").image_shape == (3, 16, 8)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(NetError, match=r"in a text file. Received source=.*none.yaml.*No such file.*ends in .yaml"):
        read_layers(tmp_path / "none.yaml")


def test_every_step_of_a_written_net_has_a_form_and_an_explanation_that_closes():
    net = layers(["convolution 4, 3x3, same", "batch norm", "relu", "sum 2x2", "scaled tanh", "average all", "softmax"])
    recorded = trace(net, torch.randn(1, 1, 32, 32))
    assert len(recorded.layers) > 8
    for name in recorded.layers:
        index = [size // 2 for size in recorded[name].output.shape[1:]]
        assert recorded.explain(name, *index).closes, name


def test_a_written_net_compiles_without_a_break():
    net, images = read_layers(EXAMPLE), torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(torch.compile(net, fullgraph=True, backend="eager")(images), net(images))


def some_digits() -> DataSet:
    parts = {"train": digits(640), "val": digits(100, seed=1), "test": digits(200, seed=2)}
    return DataSet("some-digits", **parts, classes=tuple("0123456789"), source={})


@pytest.mark.parametrize("head", ["softmax", "svm"])
def test_a_written_net_trains_predicts_and_is_opened_again(tmp_path, head):
    text = EXAMPLE.read_text().replace("softmax", head)
    torch.manual_seed(0)
    run = train(read_layers(text), some_digits(), epochs=8, folder=tmp_path / "run", progress=False)
    assert run.config.recipe.loss == {"softmax": "cross_entropy", "svm": "hinge"}[head]
    assert run.accuracy > 0.6  # by chance: 0.1
    image = digits(1, seed=2).images[0]
    Image.fromarray(image[0].numpy()).save(tmp_path / "digit.png")
    again = open_run(tmp_path / "run", net=read_layers(text))
    assert isinstance(again.net, WrittenNet)
    (before,), (after,) = run.predict(tmp_path / "digit.png"), again.predict(tmp_path / "digit.png")
    assert after.class_name == before.class_name
    assert after.probability == pytest.approx(before.probability, abs=1e-6)  # another order of memory, and of sums


def test_a_run_of_a_written_net_resumes_and_predicts_from_its_folder_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train(str(EXAMPLE), some_digits(), epochs=1, progress=False)
    assert run.folder.name.startswith("some-digits-small-")
    assert run.config.net == EXAMPLE.read_text()
    (run.folder / "events.jsonl").write_text("")  # as if it had been killed after its first checkpoint
    again = resume(run.folder, data=some_digits(), progress=False)
    assert again.accuracy == open_run(run.folder).accuracy
    assert isinstance(open_run(run.folder).net, WrittenNet)
    assert "small on some-digits" in repr(again)


def test_a_written_module_that_is_passed_ready_needs_no_module_to_be_opened_again(tmp_path):
    run = train(layers(["softmax"], name="row"), some_digits(), epochs=1, folder=tmp_path / "run", progress=False)
    assert open_run(run.folder).net.name == "row"
