import pytest
import torch
from torch import nn

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


class TwoHeads(nn.Module):
    """Gives its scores and auxiliary ones; the layers that do so are not its last."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.head, self.auxiliary, self.body = nn.Linear(5, classes), nn.Linear(5, classes), nn.Linear(784, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        features = self.body(images.flatten(1))
        return (self.head(features), self.auxiliary(features)) if self.training else self.head(features)


def test_every_layer_that_gives_scores_keeps_its_own_wherever_it_stands() -> None:
    reads = Preprocessing(1, (28, 28), 0, mean=(0.2,), deviation=(0.4,))
    other = TrainedNet(TwoHeads(3), NetCard("two", ("ant", "bee", "cat"), reads))
    net = TwoHeads(3)
    own = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    transfer(net, other, classes=("dog", "bee", "elk"))
    for head in ("head", "auxiliary"):
        weight = net.get_submodule(head).weight
        assert torch.equal(weight[[0, 2]], own[f"{head}.weight"][[0, 2]])
        assert torch.equal(weight[1], other.net.get_submodule(head).weight[1])
    assert torch.equal(net.body.weight, other.net.body.weight)


def test_the_same_classes_are_taken_with_all_numbers() -> None:
    other = trained(("ant", "bee"))
    net = lenet(classes=2)
    transfer(net, other, classes=("ant", "bee"))
    assert all(torch.equal(tensor, other.net.state_dict()[name]) for name, tensor in net.state_dict().items())


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


def test_a_run_says_where_it_began_from_any_folder(tmp_path, monkeypatch) -> None:
    digits = load_digits(train=128, val=64, test=64)
    other = trained(digits.classes)
    monkeypatch.chdir(tmp_path)
    save_net("other.safetensors", other.net, other.card)
    run = train("lenet", digits, epochs=1, start="other.safetensors", folder="run", progress=False)
    assert f"--start {tmp_path / 'other.safetensors'}" in run.config.command
