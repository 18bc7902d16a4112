"""Classify image files."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from convlens.architectures import TrainedNet
from convlens.data import read_image
from convlens.errors import DataError

_SHOWN = 3  # classes a prediction tells of


class Prediction(NamedTuple):
    """What a net says of one image.

    Attributes:
        name: the file.
        best: class names and their probabilities, the three likeliest first.
    """

    name: str
    best: tuple[tuple[str, float], ...]

    @property
    def class_name(self) -> str:
        """The likeliest class."""
        return self.best[0][0]

    @property
    def probability(self) -> float:
        """Probability of the likeliest class, 0..1."""
        return self.best[0][1]


@torch.inference_mode()
def predict(trained: TrainedNet, images: Sequence[str | os.PathLike[str]]) -> list[Prediction]:
    """Classify image files.

    Args:
        trained: a net and its card.
        images: paths, or patterns such as "new/*.jpg".

    Returns:
        One prediction a file; those of a pattern in the order of their names.

    Raises:
        DataError: nothing has that name, or a file is not an image.
    """
    classes, preprocessing = trained.card.classes, trained.card.preprocessing
    predictions = []
    for path in _files(images):
        scores = trained.net(preprocessing(read_image(path)).unsqueeze(0))[0]
        probabilities, places = scores.softmax(0).topk(min(_SHOWN, len(classes)))
        best = zip((classes[place] for place in places.tolist()), probabilities.tolist(), strict=True)
        predictions.append(Prediction(str(path), tuple(best)))
    return predictions


def _files(images: Sequence[str | os.PathLike[str]]) -> list[Path]:
    files = []
    for given in images:
        # A file wins over a pattern: a name may hold brackets.
        found = [Path(given)] if Path(given).exists() else [Path(name) for name in sorted(glob.glob(str(given)))]
        if not found:
            raise DataError(
                f"An image is a file, or a pattern that files match. Received {str(given)!r}, which is neither. "
                f"The current folder is {Path.cwd()}."
            )
        files += found
    return files
