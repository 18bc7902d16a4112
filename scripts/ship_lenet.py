"""Train the LeNet that comes with the package, put it there, and write its model card.

python scripts/ship_lenet.py
"""

import tempfile
from pathlib import Path

from _ship import ROOT, WEIGHTS, facts, train

from convlens.architectures import save_net

CARD = ROOT / "docs" / "lenet-mnist.md"
EPOCHS = 20

TEXT = """\
# The shipped net: LeNet, trained on MNIST

`convlens.architectures.open_net("lenet")`, or `convlens open lenet`. Written by `scripts/ship_lenet.py`.

| | |
| --- | --- |
| architecture | LeNet as in `convlens.architectures`, after Karn (2016): {parameters:,} parameters |
| reads | one handwritten digit, white on black: {channels} x {rows} x {columns} (channels, rows, columns) |
| preprocessing | {size} pixels and a border of {padding}; (pixel / 255 - {mean}) / {deviation} |
| gives | {classes} scores, one a digit; their softmax is the probabilities |
| trained on | MNIST (LeCun, Cortes and Burges, 1998): {images[train]:,} digits; {images[val]:,} more were held out |
| recipe | {recipe} |
| command | `{command}` |
| accuracy | {accuracy:.2%} of the 10,000 test digits, read once, after the training |
| date | {date} |
| versions | {versions} |

It is made for looking inside, not for reading forms or cheques. It takes any picture for one of the ten digits, and
reads badly what is black on white, off the middle, or much smaller or larger than MNIST's. On one machine the command
makes the same bits again; on others the last bits, and so a few digits, may differ.
"""


def main() -> None:
    """Train, copy, describe."""
    with tempfile.TemporaryDirectory() as parent:
        run, card = train("mnist", ["--epochs", str(EPOCHS)], folder=Path(parent) / "run")
    save_net(WEIGHTS / "lenet-mnist.safetensors", run.net, card)
    text = TEXT.format(**facts(run, card))
    CARD.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
