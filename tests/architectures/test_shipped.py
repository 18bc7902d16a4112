from pathlib import Path

import pytest
import torch

from convlens import architectures
from convlens.data import load
from convlens.errors import NetError


def test_the_shipped_lenet_reads_as_many_test_digits_as_its_card_says(mnist_folder: Path) -> None:
    trained = architectures.open_net("lenet")
    test = load(mnist_folder).test
    with torch.inference_mode():
        right = (trained.net(trained.card.preprocessing(test.images)).argmax(1) == test.labels).float().mean().item()
    assert right >= 0.992
    assert right == pytest.approx(trained.card.accuracy, abs=1e-6)


def test_the_model_card_and_the_net_tell_the_same_story() -> None:
    card = architectures.open_net("lenet").card
    written = (Path(__file__).parents[2] / "docs" / "lenet-mnist.md").read_text()
    assert card.command in written
    assert f"{card.accuracy:.2%}" in written
    assert card.date in written


def test_weights_mnist_are_those_of_the_shipped_net() -> None:
    shipped = architectures.open_net("lenet").net.state_dict()
    built = architectures.lenet(weights="mnist").state_dict()
    assert all(torch.equal(shipped[name], built[name]) for name in shipped)


def test_without_weights_a_lenet_is_random_and_has_as_many_scores_as_asked() -> None:
    assert architectures.lenet(classes=7)(torch.zeros(1, 1, 32, 32)).shape == (1, 7)


def test_unknown_weights_are_refused_with_the_known_ones() -> None:
    with pytest.raises(
        NetError, match=r"named after their data\. Received weights='imagenet'\. Known for lenet: mnist"
    ):
        architectures.lenet(weights="imagenet")


def test_trained_weights_fix_the_count_of_classes() -> None:
    with pytest.raises(NetError, match=r"count of classes\. Received weights='mnist', classes=7\. These tell 10 apart"):
        architectures.lenet(weights="mnist", classes=7)


def test_a_net_is_opened_from_its_folder_and_from_its_file(tmp_path: Path) -> None:
    trained = architectures.open_net("lenet")
    architectures.save_net(tmp_path / "net.safetensors", trained.net, trained.card)
    for source in (tmp_path, tmp_path / "net.safetensors", str(tmp_path)):
        opened = architectures.open_net(source)
        assert torch.equal(opened.net.state_dict()["conv1.weight"], trained.net.state_dict()["conv1.weight"])


def test_a_net_that_is_nowhere_is_an_error_that_lists_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(
        NetError,
        match=r"shipped one, one with published.*Received source='.*nowhere'.*Shipped: lenet.*Others are built",
    ):
        architectures.open_net(tmp_path / "nowhere")
