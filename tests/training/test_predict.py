from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from convlens.architectures import NetCard, TrainedNet
from convlens.data import Preprocessing
from convlens.errors import DataError
from convlens.training import predict


@pytest.fixture
def brightness() -> TrainedNet:
    """A net of four classes whose scores are 0, 1, 2 and 3 times the image's one pixel, 0..1."""
    layer = nn.Linear(1, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0], [1.0], [2.0], [3.0]]))
        layer.bias.zero_()
    preprocessing = Preprocessing(channels=1, size=(1, 1), padding=0, mean=(0.0,), deviation=(1.0,))
    card = NetCard(architecture="brightness", classes=("a", "b", "c", "d"), preprocessing=preprocessing)
    return TrainedNet(nn.Sequential(nn.Flatten(), layer).eval(), card)


def paint(path: Path, value: int) -> Path:
    Image.fromarray(np.full((1, 1), value, dtype=np.uint8)).save(path)
    return path


def test_the_three_likeliest_classes_come_with_their_softmax(brightness: TrainedNet, tmp_path: Path) -> None:
    (prediction,) = predict(brightness, [paint(tmp_path / "white.png", 255)])
    powers = np.exp([3.0, 2.0, 1.0, 0.0])
    assert [name for name, _ in prediction.best] == ["d", "c", "b"]
    assert [value for _, value in prediction.best] == pytest.approx(list(powers[:3] / powers.sum()), rel=1e-6)
    assert (prediction.class_name, prediction.probability) == prediction.best[0]


def test_a_pattern_names_files_in_the_order_of_their_names(brightness: TrainedNet, tmp_path: Path) -> None:
    for name in ("2.png", "1.png", "3.jpg"):
        paint(tmp_path / name, 0)
    found = predict(brightness, [str(tmp_path / "*.png")])
    assert [Path(prediction.name).name for prediction in found] == ["1.png", "2.png"]


def test_a_name_that_looks_like_a_pattern_is_a_file_first(brightness: TrainedNet, tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 0)
    named = paint(tmp_path / "[ab].png", 0)
    (prediction,) = predict(brightness, [named])
    assert prediction.name == str(named)


def test_a_name_that_nothing_has_is_an_error(brightness: TrainedNet, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"file, or a pattern.*Received '.*none\*\.png'.*The current folder is"):
        predict(brightness, [str(tmp_path / "none*.png")])


def test_a_net_of_two_classes_shows_two(tmp_path: Path) -> None:
    preprocessing = Preprocessing(channels=1, size=(1, 2), padding=0, mean=(0.0,), deviation=(1.0,))
    card = NetCard(architecture="pixels", classes=("left", "right"), preprocessing=preprocessing)
    (prediction,) = predict(TrainedNet(nn.Flatten(), card), [paint(tmp_path / "grey.png", 99)])
    assert len(prediction.best) == 2
