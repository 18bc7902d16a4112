"""Built-in digits that look handwritten: as many as one asks for, without a download."""

import math

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from convlens.data._dataset import DataSet, Part
from convlens.data._handwriting import BOX, write
from convlens.data._ink import centre_ink, draw_ink
from convlens.data._skeletons import skeleton_table

_VERSION = 1  # raised when the same seed gives other digits
_BLOCK = 1000  # digits that share a generator of random numbers
_EDGE, _EDGE_SPREAD = 0.5, 0.6  # width of the grey edge in pixels: the least, and how much wider at most


def digits(count: int, *, seed: int = 0) -> Part:
    """Draw digits that look handwritten, as MNIST keeps them: white on black, centred by mass, 20 pixels high or wide.

    Args:
        count: of digits. Each ten in a row, from the first, are the ten classes in some order.
        seed: decides all digits. More digits of the same seed begin with the same digits.

    Returns:
        Images of 1 x 28 x 28 pixels, with names like "digits/0:17" (seed and index).

    Raises:
        ValueError: the count is below 1, or the seed below 0.

    >>> digits(20).labels.bincount()
    tensor([2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    if count < 1 or seed < 0:
        raise ValueError(
            f"A count of digits is at least 1, a seed at least 0. Received count={count}, seed={seed}. "
            f"digits({max(count, 1)}, seed={abs(seed)}) would work."
        )
    blocks = [_draw_block(seed, number) for number in range(math.ceil(count / _BLOCK))]
    images = torch.cat([images for images, _ in blocks])[:count]
    labels = torch.cat([labels for _, labels in blocks])[:count]
    return Part(images, labels, names=[f"digits/{seed}:{index}" for index in range(count)])


def load_digits(*, seed: int = 0, train: int = 50_000, val: int = 2_000, test: int = 5_000) -> DataSet:
    """Draw a data set of digits that look handwritten.

    Args:
        seed: decides all digits; the parts are `digits` of the seeds 3 * seed, 3 * seed + 1 and 3 * seed + 2.
        train: count of digits in this part.
        val: the same.
        test: the same.

    Raises:
        ValueError: a count is below 1, or the seed below 0.
    """
    return DataSet(
        name="digits",
        train=digits(train, seed=3 * seed),
        val=digits(val, seed=3 * seed + 1),
        test=digits(test, seed=3 * seed + 2),
        classes=tuple("0123456789"),
        source={
            "generator": "digits",
            "version": _VERSION,
            "seed": seed,
            "counts": {"train": train, "val": val, "test": test},
        },
    )


def _draw_block(seed: int, number: int) -> tuple[UInt8[Tensor, "digit 1 28 28"], Int64[Tensor, " digit"]]:
    rng = np.random.default_rng([seed, number])
    table = skeleton_table()
    labels = rng.permuted(np.tile(np.arange(10), (_BLOCK // 10, 1)), axis=1).reshape(-1)
    ticket = rng.integers(np.array([len(tickets) for tickets in table.tickets])[labels])
    variants = np.array([table.tickets[label][k] for label, k in zip(labels, ticket, strict=True)])
    way, radius = write(table, torch.from_numpy(variants), is_line=torch.from_numpy(labels == 1), rng=rng)
    edge = torch.from_numpy(_EDGE + _EDGE_SPREAD * rng.random(_BLOCK, dtype=np.float32))
    return centre_ink(draw_ink(way, radius, edge=edge, side=BOX))[:, None], torch.from_numpy(labels)
