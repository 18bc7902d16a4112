"""The four-class net that comes with the package, against its card, its document and the real photos."""

import os
import re
import tarfile
from pathlib import Path

import pytest
import torch
from torch import Tensor

from convlens import architectures
from convlens.architectures import TrainedNet
from convlens.data import read_image

ROOT = Path(__file__).parents[2]
FILE = ROOT / "src" / "convlens" / "architectures" / "weights" / "lenet-four-cifar.safetensors"


@pytest.fixture(scope="module")
def trained() -> TrainedNet:
    return architectures.open_net("lenet_four")


@pytest.fixture(scope="module")
def written() -> str:
    return (ROOT / "docs" / "lenet-four.md").read_text()


@pytest.fixture(scope="module")
def counts(trained: TrainedNet) -> Tensor:
    """How often the net takes the test photos of a class (row) for a class (column)."""
    archive = Path(os.environ.get("CONVLENS_DATA", "")) / "cifar10-jpg" / "test.tar.gz"
    if not archive.is_file():
        pytest.skip("CIFAR-10 is not at hand: set CONVLENS_DATA to a folder that holds cifar10-jpg/test.tar.gz")
    images, labels = [], []
    with tarfile.open(archive) as members:
        for member in members:
            name = member.name.split("/")[0]
            if member.isfile() and name in trained.card.classes:
                file = members.extractfile(member)
                assert file is not None
                images.append(read_image(file.read()))
                labels.append(trained.card.classes.index(name))
    assert len(images) == 4000
    found = torch.zeros(4, 4, dtype=torch.int64)
    with torch.inference_mode():
        for photos, own in zip(torch.stack(images).split(500), torch.tensor(labels).split(500), strict=True):
            taken = trained.net(trained.card.preprocessing(photos)).argmax(1)
            found.index_put_((own, taken), torch.ones(len(own), dtype=torch.int64), accumulate=True)
    return found


def test_it_tells_four_classes_of_photos_apart_as_often_as_its_card_says(trained: TrainedNet, counts: Tensor) -> None:
    right = counts.diagonal().sum().item() / 4000
    assert right >= 0.88
    assert right == pytest.approx(trained.card.accuracy, abs=1.5 / 4000)  # another processor may round one photo away


def test_the_document_counts_the_photos_as_the_net_takes_them(
    trained: TrainedNet, counts: Tensor, written: str
) -> None:
    for name, row in zip(trained.card.classes, counts.tolist(), strict=True):
        found = re.search(rf"^\| {name} \|(( \d+ \|){{4}})$", written, flags=re.MULTILINE)
        assert found
        listed = [int(number) for number in re.findall(r"\d+", found[1])]
        assert sum(listed) == 1000
        assert listed == pytest.approx(row, abs=1)


def test_card_and_document_tell_the_same_story(trained: TrainedNet, written: str) -> None:
    card = trained.card
    assert card.classes == ("bird", "cat", "dog", "ship")
    parameters = sum(value.numel() for value in trained.net.parameters())
    for wanted in (card.command, f"{card.accuracy:.2%}", card.date, f"{parameters:,} parameters"):
        assert wanted in written


def test_its_file_has_at_most_two_megabytes() -> None:
    assert FILE.stat().st_size <= 2_000_000


def test_its_card_names_no_folder_of_the_machine_that_trained_it(trained: TrainedNet) -> None:
    assert trained.card.command.startswith("convlens train cifar-four ")
