"""Train the four-class net that comes with the package, put it there, and write its model card.

python scripts/ship_lenet_four.py                    # CONVLENS_DATA holds cifar10-jpg/train.tar.gz and test.tar.gz
python scripts/ship_lenet_four.py --extract FOLDER   # only make the folders that the card's commands train on
"""

import argparse
import copy
import os
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from _ship import ROOT, WEIGHTS, facts, read, train
from torch import nn

from convlens.architectures import NetCard, save_net
from convlens.data import Part, load

CARD = ROOT / "docs" / "lenet-four.md"
FILE = "lenet-four-cifar.safetensors"
ALL, FOUR = "cifar10", "cifar-four"  # folders, as the card names them
CLASSES = ("bird", "cat", "dog", "ship")
OPTIONS = ["--net", "lenet_four", "--threads", "1", "--flip", "--shift", "0.125", "--precision", "bfloat16"]
FIRST = ["--epochs", "10"]  # on all ten classes, whose photos teach what photos are made of
THEN = ["--epochs", "18"]  # on the four

TEXT = """\
# The four-class net: LeNetFour, trained on photos of CIFAR-10

`convlens.architectures.open_net("lenet_four")`, or `convlens open lenet_four`. Written by `scripts/ship_lenet_four.py`.

| | |
| --- | --- |
| architecture | after figure 3 of Karn (2016), as in `convlens.architectures`: {parameters:,} parameters, in float16 |
| reads | one photo: {channels} x {rows} x {columns} (channels, rows, columns) |
| preprocessing | {size} pixels; (pixel / 255 - mean) / deviation |
| of red, green, blue | mean {mean}; deviation {deviation} |
| gives | {classes} scores: {names}; their softmax is the probabilities |
| trained on | CIFAR-10 (Krizhevsky, 2009) as JPEG files: {all_images[train]:,} photos of all ten classes |
| then on | {images[train]:,} photos of these four; {images[val]:,} more were held out |
| first | `{first}` |
| then | `{command}` |
| recipe | {recipe} |
| accuracy | {accuracy:.2%} of the {images[test]:,} test images; the best of the recipes tried on those held out |
| accuracy by class | {by_class} |
| date | {date} |
| versions | {versions} |

Test images of each class (rows), by what the net took them for (columns):

{confusion}

The folders are made by `python scripts/ship_lenet_four.py --extract .`; `ten` is the first training's run. The
JPEG copy (quality 75, half the rows and columns of colour) is a little harder to read than the original images.

It is made for looking inside, with photos of one's own where a ship, a bird, a cat or a dog fills the image. It takes
any picture for one of the four, however sure it sounds: it knows no "none of them". Cats and dogs are what it confuses
most. It sees 32 x 32 pixels, knows only what CIFAR-10 shows, and is no base for a decision about anybody or anything.
On one machine the command makes the same bits again; on others the last bits, and so a few images, may differ.
"""


def extract(parent: Path) -> None:
    """Make two folders of train/ and test/: one with a folder for each of the ten classes, one with the four."""
    source = Path(os.environ["CONVLENS_DATA"]) / "cifar10-jpg"
    for part in ("train", "test"):
        with tarfile.open(source / f"{part}.tar.gz") as archive:
            archive.extractall(parent / ALL / part, filter="data")
        for name in CLASSES:
            shutil.copytree(parent / ALL / part / name, parent / FOUR / part / name)


def confusion(net: nn.Module, card: NetCard, *, test: Part) -> torch.Tensor:
    """Count the test images of each class (row) by what a net takes them for (column)."""
    with torch.inference_mode():
        taken = torch.cat([net(card.preprocessing(images)).argmax(1) for images in test.images.split(500)])
    count = len(CLASSES)
    return torch.bincount(test.labels * count + taken, minlength=count**2).view(count, count)


def main() -> None:
    """Train, copy, count, describe."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--extract", type=Path, metavar="FOLDER", help="make this folder of images, and stop")
    parser.add_argument("--first", type=Path, metavar="RUN", help="the first training, where it is done already")
    arguments = parser.parse_args()
    if arguments.extract:
        extract(arguments.extract)
        return
    with tempfile.TemporaryDirectory() as temporary:
        parent = Path(temporary)
        extract(parent)
        ten = arguments.first or parent / "ten"
        begun, first = read(ten) if arguments.first else train(parent / ALL, [*OPTIONS, *FIRST], folder=ten)
        options = [*OPTIONS, *THEN, "--start", str(ten)]
        run, card = train(parent / FOUR, options, folder=parent / "four")
        test = load(parent / FOUR).test
    run.net.half().float()  # as it is written; the accuracy is that of the rounded weights
    counts = confusion(run.net, card, test=test)
    card = replace(card, accuracy=counts.diagonal().sum().item() / len(test))
    save_net(WEIGHTS / FILE, copy.deepcopy(run.net).half(), card)
    names = ", ".join(card.classes)
    right = (counts.diagonal() / counts.sum(1)).tolist()
    text = TEXT.format(
        **facts(run, card),
        names=names,
        by_class=", ".join(f"{name} {share:.1%}" for name, share in zip(card.classes, right, strict=True)),
        confusion=table(counts, card.classes),
        first=first.command,
        all_images=begun.config.content["images"],
    )
    CARD.write_text(text)
    print(text)


def table(counts: torch.Tensor, classes: Sequence[str]) -> str:
    """Write a table of counts in Markdown."""
    rows = [["", *classes], ["---"] * (len(classes) + 1)]
    rows += [[name, *map(str, row)] for name, row in zip(classes, counts.tolist(), strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    main()
