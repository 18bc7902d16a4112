"""Train the LeNet that comes with the package, put it there, and write its model card.

python scripts/ship_lenet.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from convlens.training import open_run

ROOT = Path(__file__).resolve().parent.parent
NET = ROOT / "src" / "convlens" / "architectures" / "weights" / "lenet-mnist.safetensors"
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
        folder = Path(parent) / "run"
        command = ["train", "mnist", "--epochs", str(EPOCHS), "--folder", str(folder)]
        subprocess.run([sys.executable, "-m", "convlens", *command], check=True)
        run = open_run(folder)
        NET.parent.mkdir(exist_ok=True)
        NET.write_bytes((folder / "net.safetensors").read_bytes())
    card, recipe = run.card, run.config.recipe
    channels, rows, columns = card.preprocessing.image_shape
    text = TEXT.format(
        parameters=sum(value.numel() for value in run.net.parameters()),
        channels=channels,
        rows=rows,
        columns=columns,
        size=" x ".join(map(str, card.preprocessing.size)),
        padding=card.preprocessing.padding,
        mean=card.preprocessing.mean[0],
        deviation=card.preprocessing.deviation[0],
        classes=len(card.classes),
        images=run.config.content["images"],
        recipe=", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in recipe.to_json().items()),
        command=card.command,
        accuracy=card.accuracy,
        date=card.date,
        versions=", ".join(f"{name} {number}" for name, number in card.versions.items()),
    )
    CARD.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
