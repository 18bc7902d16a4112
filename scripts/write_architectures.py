"""Write the catalogue's page: the counted table, and all seven architectures drawn to one scale.

python scripts/write_architectures.py
"""

from pathlib import Path

from convlens import figures
from convlens.architectures import table

DOCS = Path(__file__).resolve().parent.parent / "docs"

TEXT = """\
# The architectures

`convlens.architectures.table()`, or `convlens nets`. Written by `scripts/write_architectures.py`.

![Seven architectures, drawn to one scale](architectures.svg)

`convlens.figures.architectures(names)` draws others, `convlens.figures.architecture(net)`, or `convlens nets resnet50
--picture resnet50.svg`, one network with all its layers.

Counted at the paper's image size, for one image, as the network predicts. A multiplication and an addition are one
multiply-add; only those of convolutions and matrix products are counted. Activations are all tensors that depend on the
image, in float32: an upper bound of what a training keeps of them. Depth is the count of layers with weights on the
longest path. The receptive field is that of a unit of the last map, padding included. Top-1 is what was published, not
counted.

{table}"""


def main() -> None:
    """Count, draw, write."""
    figures.save(figures.architectures(), DOCS / "architectures.svg")
    (DOCS / "architectures.md").write_text(TEXT.format(table=table().to_markdown()), encoding="utf-8")


if __name__ == "__main__":
    main()
