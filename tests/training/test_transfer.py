import pytest
import torch

from convlens.architectures import LeNet, NetCard, TrainedNet, lenet, save_net
from convlens.data import Preprocessing, load_digits
from convlens.errors import NetError
from convlens.training import train
from convlens.training._transfer import transfer

READS = Preprocessing(1, (28, 28), 2, mean=(0.2,), deviation=(0.4,))


def trained(classes: tuple[str, ...]) -> TrainedNet:
    return TrainedNet(lenet(classes=len(classes), seed=1), NetCard("lenet", classes, READS))


def test_all_numbers_are_taken_but_those_of_classes_that_the_other_does_not_know() -> None:
    other = trained(("ant", "bee", "cat"))
    net = lenet(classes=3, seed=2)
    fresh = net.scores.weight[1].clone()
    transfer(net, other, classes=("cat", "dog", "ant"))
    assert torch.equal(net.conv1.weight, other.net.conv1.weight)
    assert torch.equal(net.fc2.bias, other.net.fc2.bias)
    assert torch.equal(net.scores.weight[0], other.net.scores.weight[2])
    assert torch.equal(net.scores.weight[1], fresh)
    assert torch.equal(net.scores.bias[2], other.net.scores.bias[0])


def test_another_count_of_classes_is_no_hindrance() -> None:
    other = trained(("ant", "bee", "cat"))
    net = lenet(classes=2, seed=2)
    transfer(net, other, classes=("cat", "dog"))
    assert torch.equal(net.scores.weight[0], other.net.scores.weight[2])


def test_other_layers_are_refused_by_name() -> None:
    net = LeNet(classes=2, image_shape=(1, 36, 36))
    with pytest.raises(NetError, match=r"same layers\. Received a LeNet and .*1 tensors: fc1\.weight\. Train the arch"):
        transfer(net, trained(("ant", "bee")), classes=("ant", "bee"))


def test_a_training_begins_where_another_net_is_and_reads_as_that_one_does(tmp_path) -> None:
    digits = load_digits(train=256, val=64, test=64)
    other = trained(digits.classes)
    path = tmp_path / "other.safetensors"
    save_net(path, other.net, other.card)
    run = train("lenet", digits, epochs=1, learning_rate=1e-9, start=path, folder=tmp_path / "run", progress=False)
    torch.testing.assert_close(run.net.conv1.weight, other.net.conv1.weight, rtol=0, atol=1e-6)
    torch.testing.assert_close(run.net.scores.weight, other.net.scores.weight, rtol=0, atol=1e-6)
    assert run.card.preprocessing == READS
    assert f"--start {path}" in run.config.command
