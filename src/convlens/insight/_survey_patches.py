"""Top patches as pictures: cut out of their images, side by side, in WebP."""

import io

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from convlens.insight._survey_plan import Rectangle

_LARGEST = 64  # pixels a side of a tile; larger patches are scaled down


def colours(image: UInt8[Tensor, "channel row column"]) -> UInt8[np.ndarray, "row column colour"] | None:
    """Turn a fitted image into a picture in colour; None where its channels are no colours."""
    if image.shape[0] not in (1, 3):
        return None
    return np.ascontiguousarray(image.expand(3, -1, -1).permute(1, 2, 0).cpu().numpy())


def cut(picture: UInt8[np.ndarray, "row column colour"], rectangle: Rectangle) -> UInt8[np.ndarray, "height width 3"]:
    """Cut out a patch, scaled down to a tile's size where it is larger."""
    first_row, end_row, first_column, end_column = rectangle
    patch = picture[first_row:end_row, first_column:end_column]
    if max(patch.shape[:2]) <= _LARGEST:
        return patch.copy()
    tile = Image.fromarray(np.ascontiguousarray(patch))
    tile.thumbnail((_LARGEST, _LARGEST), Image.Resampling.BOX)
    return np.asarray(tile)


def to_sprite(patches: list[np.ndarray]) -> tuple[int, bytes]:
    """Put patches side by side, each in the upper left corner of a square tile.

    Returns:
        Pixels a side of a tile, and the picture: lossless WebP, transparent where there is no patch.
    """
    tile = max(max(patch.shape[:2]) for patch in patches)
    sprite = np.zeros((tile, tile * len(patches), 4), dtype=np.uint8)
    for place, patch in enumerate(patches):
        rows, columns = patch.shape[:2]
        sprite[:rows, place * tile : place * tile + columns, :3] = patch
        sprite[:rows, place * tile : place * tile + columns, 3] = 255
    file = io.BytesIO()
    # Six times as fast as the usual method, for an eighth more bytes.
    Image.fromarray(sprite).save(file, "WEBP", lossless=True, exact=True, method=0)
    return tile, file.getvalue()


def from_sprite(webp: bytes, *, tile: int) -> list[UInt8[Tensor, "colour row column"]]:
    """Take the patches out of a sprite.

    Raises:
        ValueError: it is no such picture.
    """
    try:
        with Image.open(io.BytesIO(webp), formats=["WEBP"]) as picture:
            if picture.height != tile or picture.width % tile or picture.height * picture.width > 2**24:
                raise ValueError(f"a sprite of {picture.height} x {picture.width} pixels has no tiles of {tile}")
            pixels = np.array(picture.convert("RGBA"))
    except (OSError, ZeroDivisionError, SyntaxError) as error:
        raise ValueError(str(error)) from error
    patches = []
    for first in range(0, pixels.shape[1], tile):
        one = pixels[:, first : first + tile]
        rows, columns = int(one[:, 0, 3].astype(bool).sum()), int(one[0, :, 3].astype(bool).sum())
        patches.append(torch.from_numpy(one[:rows, :columns, :3].copy()).permute(2, 0, 1))
    return patches
