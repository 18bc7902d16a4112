"""Images to begin with, where nobody has drawn one yet."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from convlens.architectures import NetCard
from convlens.data import Example, digits, load
from convlens.errors import ConvlensError
from convlens.training import open_run

_COUNT = 100
_SEED = 2  # of the test part of data.load("digits")


def samples_for(card: NetCard) -> Sequence[Example]:
    """Draw samples for a net that reads digits; there are none for others."""
    if card.classes != tuple("0123456789"):
        return ()
    return digits(_COUNT, seed=_SEED)


def samples_of_run(folder: Path, card: NetCard) -> Sequence[Example]:
    """Take the test part of a run's data where that is quick: IDX files, still in place. Else as `samples_for`."""
    with contextlib.suppress(ConvlensError):  # a run without its configuration, data that was changed
        source = open_run(folder).config.load
        # A name, such as "mnist", could mean a download: nobody asked for one by opening a run.
        if source is not None and os.path.isabs(source) and any(Path(source).glob("*idx3-ubyte*")):
            return load(source).test
    return samples_for(card)
