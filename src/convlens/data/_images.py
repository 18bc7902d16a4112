"""Decode an image file that anybody may have made."""

import contextlib
import io
import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from convlens.errors import DataError

# Decoders that are tried, whatever the file is called. Pillow has more, which nobody needs and few people test.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")


def read_image(
    source: str | os.PathLike[str] | bytes, *, megapixels: float = 64
) -> UInt8[Tensor, "channel row column"]:
    """Read an image file as pixels.

    It is turned as its EXIF orientation says. What is transparent shows white behind it. 16-bit grey is scaled to
    8 bits. Of an animation the first frame is taken.

    Args:
        source: a path, or the bytes of a file: JPEG, PNG, WebP, GIF, BMP, TIFF or PPM.
        megapixels: how large the image may be, in millions of pixels; known from the header, before any decoding.

    Returns:
        Pixels, 0..255: one channel if the file is grey, else three (red, green, blue).

    Raises:
        DataError: the file is missing, of another format, damaged, truncated, or too large.
    """
    name = "these bytes" if isinstance(source, bytes) else str(source)
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            rows, columns = image.height, image.width
            if rows * columns > megapixels * 1e6:
                raise DataError(
                    f"An image has at most {megapixels:g} million pixels. Received {name} with rows={rows}, "
                    f"columns={columns}. Scale it down first."
                )
            image.load()
            return _pixels(image)
    except UnidentifiedImageError:
        raise DataError(
            f"An image is a JPEG, PNG, WebP, GIF, BMP, TIFF or PPM file. Received {name} of {len(content):,} bytes, "
            "which is none of them. Convert it first."
        ) from None
    except DataError:
        raise
    except (
        Exception
    ) as error:  # damaged files make Pillow raise almost anything: SyntaxError, struct.error, IndexError ...
        raise DataError(f"{name} cannot be read as an image: {error}. Fetch or export the file again.") from error


def is_image_name(name: str) -> bool:
    """Say whether a file's name ends as that of an image that `read_image` may read."""
    return name.lower().endswith(_SUFFIXES)


def _pixels(image: Image.Image) -> UInt8[Tensor, "channel row column"]:
    # Pillow names 16-bit grey "I;16" and its kin, or "I" in a PNM or PNG file; its own conversion to 8 bits clips.
    sixteen_bits = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PPM", "PNG"))
    if image.mode == "F" or (image.mode == "I" and not sixteen_bits):
        raise DataError(
            "An image holds bytes or 16-bit grey: of 32-bit numbers nobody says which is white. "
            f"Received mode={image.mode!r}. Scale its numbers to 0..255 and save them as PNG."
        )
    with contextlib.suppress(Exception):  # a damaged EXIF block says nothing against the pixels
        ImageOps.exif_transpose(image, in_place=True)
    if sixteen_bits:
        scaled = np.rint(np.asarray(image, dtype=np.float64) / 257)  # 65535 = 257 * 255
        return torch.from_numpy(scaled.astype(np.uint8)).unsqueeze(0)
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    channels = np.array(image.convert("L" if grey else "RGB"))
    return torch.from_numpy(channels.reshape(*channels.shape[:2], -1)).permute(2, 0, 1).contiguous()
