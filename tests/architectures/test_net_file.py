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
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(NetError, match=rf"exactly those of its architecture.*{said}.*made for LeNet"):
        architectures.load_net(path)
