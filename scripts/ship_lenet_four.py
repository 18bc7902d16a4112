"""Train the four-class net that comes with the package, put it there, and write its model card.

python scripts/ship_lenet_four.py                    # CONVLENS_DATA holds cifar10-jpg/train.tar.gz and test.tar.gz
python scripts/ship_lenet_four.py --extract cifar-four  # only make the folder that the card's command trains on
"""

import argparse
import copy
import os
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from _ship import ROOT, WEIGHTS, facts, train
from torch import nn

from convlens.architectures import NetCard, save_net
from convlens.data import Part, load

CARD = ROOT / "docs" / "lenet-four.md"
FILE = "lenet-four-cifar.safetensors"
FOLDER = "cifar-four"  # the name in the card
CLASSES = ("bird", "cat", "dog", "ship")
ARGUMENTS = [
    *("--net", "lenet_four", "--epochs", "28", "--threads", "2"),
    *("--flip", "--shift", "0.125", "--precision", "bfloat16"),
]

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
| trained on | CIFAR-10 (Krizhevsky, 2009) as JPEG files: {images[train]:,} photos; {images[val]:,} more were held out |
| recipe | {recipe} |
| command | `{command}` |
| accuracy | {accuracy:.2%} of the {images[test]:,} test images, read once, after the training |
| accuracy by class | {by_class} |
| date | {date} |
| versions | {versions} |

Test images of each class (rows), by what the net took them for (columns):

{confusion}

The folder is made by `python scripts/ship_lenet_four.py --extract {folder}`. The JPEG copy (quality 75, half the rows
and columns of colour) is a little harder to read than the original images.

It is made for looking inside, with photos of one's own where a ship, a bird, a cat or a dog fills the image. It takes
any picture for one of the four, however sure it sounds: it knows no "none of them". Cats and dogs are what it confuses
most. It sees 32 x 32 pixels, knows only what CIFAR-10 shows, and is no base for a decision about anybody or anything.
On one machine the command makes the same bits again; on others the last bits, and so a few images, may differ.
"""


def extract(folder: Path) -> None:
    """Make a folder of train/ and test/ with a folder for each of the four classes."""
    source = Path(os.environ["CONVLENS_DATA"]) / "cifar10-jpg"
    for part in ("train", "test"):
        with tarfile.open(source / f"{part}.tar.gz") as archive:
            wanted = [member for member in archive if member.isfile() and member.name.split("/")[0] in CLASSES]
            archive.extractall(folder / part, wanted, filter="data")


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
    arguments = parser.parse_args()
    if arguments.extract:
        extract(arguments.extract)
        return
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / FOLDER
        extract(folder)
        run, card = train(folder, ARGUMENTS)
        test = load(folder).test
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
        folder=FOLDER,
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
