"""Many image files as one tensor: images of one size, in memory."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional as F

from convlens.data._images import decode_image, image_shape
from convlens.errors import DataError

_DEFAULT_SIZE = 64  # pixels a side, where the images differ in size and none is asked for
_MOST_BYTES = 8 * 2**30  # of a data set in memory


class ImageFiles(NamedTuple):
    """What came of reading image files.

    Attributes:
        images: of the files that can be read, in their order.
        checksums: SHA-256 of each file by its place in the list, in hexadecimal; the files that cannot be read lack.
        bad: place in the list of each file that cannot be read, to the reason.
    """

    images: UInt8[Tensor, "image channel row column"]
    checksums: dict[int, str]
    bad: dict[int, str]


def read_image_files(paths: Sequence[Path], *, size: int | None = None) -> ImageFiles:
    """Read image files into one tensor, with all processors.

    Args:
        paths: the files, at least one.
        size: rows and columns of every image, in pixels: its middle is cut out as a square, then scaled. Without it,
            images of one size stay as they are; others become 64 x 64.

    Returns:
        The images (grey if all are, else in colour), and which files are bad.

    Raises:
        DataError: no file can be read, or the images are too many for their size.
    """
    bad = {}
    shapes = {}
    for place, path in enumerate(paths):  # headers only: the size of the tensor is known before any image is decoded
        try:
            shapes[place] = image_shape(path)
        except DataError as error:
            bad[place] = str(error)
    if not shapes:
        raise DataError(
            f"A data set has at least one image that can be read. Received {len(paths)} files, all bad; "
            f"the first: {paths[0]}: {bad[0]}."
        )
    channels = max(shape[0] for shape in shapes.values())
    sides = {shape[1:] for shape in shapes.values()}
    side = size or _DEFAULT_SIZE
    rows, columns = sides.pop() if size is None and len(sides) == 1 else (side, side)
    needed = len(paths) * channels * rows * columns
    if needed > _MOST_BYTES:
        raise DataError(
            f"A data set in memory has at most {_MOST_BYTES / 2**30:g} GiB. Received {len(paths)} images of "
            f"{channels} x {rows} x {columns}: {needed / 2**30:.1f} GiB. "
            f"A size of {int((_MOST_BYTES / len(paths) / channels) ** 0.5)} or less would fit."
        )
    images = torch.empty(len(paths), channels, rows, columns, dtype=torch.uint8)

    def read(place: int) -> str | DataError:
        try:
            content = paths[place].read_bytes()
            images[place] = _fit(decode_image(content), rows=rows, columns=columns)  # grey is repeated if need be
        except (DataError, OSError) as error:
            return DataError(str(error))
        return hashlib.sha256(content).hexdigest()

    checksums = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for place, outcome in zip(shapes, pool.map(read, shapes), strict=True):
            if isinstance(outcome, DataError):
                bad[place] = str(outcome)
            else:
                checksums[place] = outcome
    if bad:
        images = images[torch.tensor(list(checksums))]
    return ImageFiles(images, checksums, dict(sorted(bad.items())))


def _fit(
    image: UInt8[Tensor, "channel row column"], *, rows: int, columns: int
) -> UInt8[Tensor, "channel {rows} {columns}"]:
    """Cut out the largest middle part of the wanted proportions, then scale it."""
    height, width = image.shape[1:]
    if (height, width) == (rows, columns):
        return image
    kept_rows = min(height, max(1, round(width * rows / columns)))
    kept_columns = min(width, max(1, round(height * columns / rows)))
    top, left = (height - kept_rows) // 2, (width - kept_columns) // 2
    middle = image[None, :, top : top + kept_rows, left : left + kept_columns]
    return F.interpolate(middle, size=(rows, columns), mode="bilinear", antialias=True)[0]
