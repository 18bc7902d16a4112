"""Decode an image file that anybody may have made."""

import contextlib
import io
import os
from collections.abc import Generator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from convlens.errors import DataError

# Decoders that are tried, whatever the file is called. Pillow has more, which nobody needs and few people test.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


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
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        return decode_image(content, megapixels=megapixels)
    except (DataError, OSError) as error:
        name = f"{len(source):,} bytes" if isinstance(source, bytes) else str(source)
        raise DataError(
            f"An image is a whole JPEG, PNG, WebP, GIF, BMP, TIFF or PPM file. Received {name}: {error}. "
            "Export or fetch it again."
        ) from error


def decode_image(content: bytes, *, megapixels: float = 64) -> UInt8[Tensor, "channel row column"]:
    """Do what `read_image` does, with the bare reason as the message of an error."""
    with _opened(io.BytesIO(content), megapixels=megapixels) as image:
        image.load()
        return _pixels(image)


def image_shape(path: Path, *, megapixels: float = 64) -> tuple[int, int, int]:
    """Read from its header which shape `read_image` will give an image: channels, rows, columns.

    Raises:
        DataError: the header tells that the image cannot be read; the message is the bare reason.
    """
    with _opened(path, megapixels=megapixels) as image:
        sides = (image.height, image.width)
        with contextlib.suppress(Exception):  # as in _pixels
            quarter_turned = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
            if quarter_turned and image.format != "TIFF":  # whose sides Pillow has exchanged by now
                sides = (image.width, image.height)
        return (1 if _is_grey(image) else 3, *sides)


@contextlib.contextmanager
def _opened(file: io.BytesIO | Path, *, megapixels: float) -> Generator[Image.Image, None, None]:
    """Open an image within the limits; whatever goes wrong until it is closed becomes a DataError."""
    try:
        with Image.open(file, formats=_FORMATS) as image:
            if image.height * image.width > megapixels * 1e6:
                raise DataError(
                    f"{image.height:,} rows x {image.width:,} columns are more than {megapixels:g} million pixels"
                )
            yield image
    except UnidentifiedImageError:
        raise DataError("none of these formats") from None
    except DataError:
        raise
    except Exception as error:  # damaged files make Pillow raise almost anything: SyntaxError, struct.error ...
        raise DataError(f"damaged ({type(error).__name__}: {error})") from error


def _is_grey(image: Image.Image) -> bool:
    return image.mode in ("1", "L", "LA") or _has_16_bits(image)


def _has_16_bits(image: Image.Image) -> bool:
    # Pillow names 16-bit grey "I;16" and its kin, or "I" in a PNM or PNG file.
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PPM", "PNG"))


def _pixels(image: Image.Image) -> UInt8[Tensor, "channel row column"]:
    with contextlib.suppress(Exception):  # a damaged EXIF block says nothing against the pixels
        ImageOps.exif_transpose(image, in_place=True)
    grey = _is_grey(image)
    if _has_16_bits(image):  # Pillow's own conversion clips
        scaled = np.rint(np.asarray(image, dtype=np.float32) / 257)  # 65535 = 257 * 255
        return torch.from_numpy(scaled.astype(np.uint8)).unsqueeze(0)
    if image.mode in ("I", "F"):
        raise DataError("32-bit numbers, of which nobody says which is white; scale them to 0..255")
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    channels = np.array(image.convert("L" if grey else "RGB"))
    return torch.from_numpy(channels.reshape(*channels.shape[:2], -1)).permute(2, 0, 1).contiguous()
