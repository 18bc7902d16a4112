import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from convlens import architectures
from convlens.architectures import NetCard
from convlens.data import Preprocessing
from convlens.errors import NetError

CARD = NetCard(
    architecture="lenet",
    classes=tuple("0123456789"),
    preprocessing=Preprocessing(1, (28, 28), padding=2, mean=(0.1307,), deviation=(0.3081,)),
    trained_on="nothing",
    accuracy=0.1,
)


@pytest.fixture
def saved(tmp_path):
    net = architectures.build("lenet")
    architectures.save_net(tmp_path / "net.safetensors", net, CARD)
    return net, tmp_path / "net.safetensors"


def test_a_saved_net_comes_back_with_its_card_and_the_same_bits(saved):
    net, path = saved
    trained = architectures.load_net(str(path))
    assert trained.card == CARD
    assert trained.net.card == CARD
    assert not trained.net.training
    for name, tensor in net.state_dict().items():
        assert torch.equal(trained.net.state_dict()[name], tensor), name


def test_a_file_cut_short_is_refused(saved):
    _, path = saved
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        NetError,
        match=r"whole safetensors file, or.* Received path=.*net.safetensors.*Name the net",
    ):
        architectures.load_net(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(NetError, match=r"whole safetensors file, or.* Received path=.*none.safetensors"):
        architectures.load_net(tmp_path / "none.safetensors")


def test_weights_without_a_card_are_refused(saved):
    _, path = saved
    save_file(load_file(path), path)
    with pytest.raises(NetError, match=r"which architecture it holds. Received .*metadata with no keys.*save_net"):
        architectures.load_net(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: tensors.pop("conv1.bias"), r"missing=\['conv1.bias'\], extra=\[\], misshapen=\[\]"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), r"missing=\[\], extra=\['more'\]"),
        (
            lambda tensors: tensors.update({"conv1.bias": torch.zeros(7)}),
            r"misshapen=\['conv1.bias: \(7,\) for \(6,\)'\]",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(saved, change, said):
    _, path = saved
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    change(tensors)
    metadata.pop("convlens.sha256")
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(NetError, match=rf"exactly those of its architecture.*{said}.*made for LeNet"):
        architectures.load_net(path)


def test_a_flipped_bit_is_refused(saved):
    _, path = saved
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(NetError, match=r"checksum \(SHA-256\).*is damaged.*Copy it anew"):
        architectures.load_net(path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lenet", {"image_shape": (3, 48, 48)}),
        ("lenet", {"classes": 1}),
        ("resnet20_cifar", {"image_shape": (1, 40, 32)}),
        ("googlenet_2014", {"auxiliary": True, "classes": 3}),
    ],
)
def test_a_net_of_other_images_and_classes_comes_back(tmp_path, name, options):
    net = getattr(architectures, name)(**options).eval()
    channels, rows, columns = net.image_shape
    classes = tuple(map(str, range(options.get("classes", 10))))
    preprocessing = Preprocessing(channels, (rows, columns), 0, mean=(0.5,) * channels, deviation=(0.5,) * channels)
    architectures.save_net(tmp_path / "net.safetensors", net, NetCard(name, classes, preprocessing))
    again = architectures.load_net(tmp_path / "net.safetensors").net
    images = torch.randn(2, *net.image_shape)
    assert torch.equal(again(images), net(images))


def test_tied_weights_are_saved(tmp_path):
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    net[1].weight = net[0].weight
    architectures.save_net(tmp_path / "net.safetensors", net, CARD)
    tensors = load_file(tmp_path / "net.safetensors")
    assert torch.equal(tensors["0.weight"], tensors["1.weight"])


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": 5},
        {"architecture": ["lenet"]},
        {"architecture": "/dev/stdin.yaml"},
        {"architecture": "secret.yaml"},
        {"accuracy": "x"},
        {"versions": 5},
        {"classes": [1, 2]},
        {"classes": "0123456789"},
        {"preprocessing": 5},
        {"preprocessing": CARD.preprocessing.to_json() | {"size": [28.5, 28]}},
        {"preprocessing": CARD.preprocessing.to_json() | {"deviation": [float("nan")]}},
        {"preprocessing": CARD.preprocessing.to_json() | {"mean": [1e999]}},
    ],
    ids=str,
)
def test_a_card_that_says_something_else_is_refused_and_opens_nothing(saved, change, monkeypatch):
    _, path = saved
    record = json.dumps(CARD.to_json() | change)
    save_file(load_file(path), path, metadata={"convlens.card": record})
    monkeypatch.setattr("convlens.architectures._written.read_text", lambda *_: pytest.fail("a path may be opened"))
    with pytest.raises(NetError, match=r"which architecture it holds|a name in the catalogue or a net's text"):
        architectures.load_net(path)


def test_who_may_read_a_file_is_as_for_any_other(saved):
    _, path = saved
    other = path.with_name("other")
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode
