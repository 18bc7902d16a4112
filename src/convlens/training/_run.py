"""A run: what a training left in its folder."""

import os
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from convlens.architectures import NetCard, TrainedNet, load_net, title_of
from convlens.training._config import Config, read_config
from convlens.training._predict import Prediction, predict

CONFIG = "config.json"
EVENTS = "events.jsonl"
CHECKPOINT = "checkpoint.safetensors"
NET = "net.safetensors"


class Run:
    """A training that is over, or the state that it reached so far.

    Attributes:
        folder: where it is kept.
        config: what decided it.
        net: the trained net, in evaluation mode.
        card: what the net is: classes, preprocessing, accuracy.
    """

    def __init__(self, folder: Path, *, config: Config, trained: TrainedNet) -> None:
        self.folder = folder
        self.config = config
        self._trained = trained

    @property
    def net(self) -> nn.Module:
        """The trained net, in evaluation mode."""
        return self._trained.net

    @property
    def card(self) -> NetCard:
        """What the net is: classes, preprocessing, accuracy."""
        return self._trained.card

    @property
    def accuracy(self) -> float | None:
        """Share of the test part that it reads correctly, 0..1; None before the end of the training."""
        return self.card.accuracy

    def predict(self, images: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Prediction]:
        """Classify image files.

        Args:
            images: a path, a pattern such as "new/*.jpg", or several of them.

        Returns:
            One prediction a file.

        Raises:
            DataError: nothing has that name, or a file is not an image.
        """
        return predict(self._trained, [images] if isinstance(images, str | os.PathLike) else images)

    def __repr__(self) -> str:
        reached = "not finished" if self.accuracy is None else f"{self.accuracy:.2%} of the test part"
        return f"Run({str(self.folder)!r}: {title_of(self.config.net)} on {self.config.data}, {reached})"


def open_run(folder: str | os.PathLike[str], *, net: nn.Module | None = None) -> Run:
    """Open the folder of a run, finished or not.

    Args:
        folder: what `train` wrote.
        net: a module of the same layers, where the training did not begin with a name from the catalogue.

    Returns:
        The run with its net as it was last written.

    Raises:
        RunError: this is no run folder.
        NetError: its net is damaged, or not in the catalogue and none was passed.
    """
    folder = Path(folder)
    return Run(folder, config=read_config(folder / CONFIG), trained=load_net(folder / NET, net=net))
