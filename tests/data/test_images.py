import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, features

from convlens.data import read_image
from convlens.data._images import image_shape
from convlens.errors import DataError

COLOUR = np.random.default_rng(0).integers(256, size=(5, 7, 3), dtype=np.uint8)
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "BMP": {}, "TIFF": {}, "PPM": {}}


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format=format, **options)
    return file.getvalue()


def by_hand(pixels: list) -> torch.Tensor:
    return torch.tensor(pixels, dtype=torch.uint8)


@pytest.mark.parametrize("format", LOSSLESS)
def test_lossless_files_give_their_pixels_back(format: str) -> None:
    image = read_image(encoded(Image.fromarray(COLOUR), format, **LOSSLESS[format]))
    assert torch.equal(image, torch.from_numpy(COLOUR).permute(2, 0, 1))


def test_jpeg_gives_what_pillow_decodes() -> None:
    content = encoded(Image.fromarray(COLOUR), "JPEG")
    assert torch.equal(
        read_image(content).permute(1, 2, 0), torch.from_numpy(np.array(Image.open(io.BytesIO(content))))
    )


@pytest.mark.parametrize("as_path", [str, Path], ids=["text", "Path"])
def test_a_path_is_read_whatever_its_suffix_says(as_path: type, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(Image.fromarray(COLOUR), "PNG"))
    assert read_image(as_path(tmp_path / "photo.jpg")).shape == (3, 5, 7)


def test_grey_files_have_one_channel() -> None:
    assert read_image(encoded(Image.new("L", (2, 1), 77))).tolist() == [[[77, 77]]]
    assert read_image(encoded(Image.new("1", (2, 1), 1))).tolist() == [[[255, 255]]]


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (2, 1), colour) for colour in ("red", "lime")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_image(content)[:, 0, 0].tolist() == [255, 0, 0]


def test_a_palette_is_looked_up() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 210, 220])
    image.putpixel((1, 0), 1)
    assert read_image(encoded(image)).tolist() == [[[10, 200]], [[20, 210]], [[30, 220]]]


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled_and_not_clipped(format: str) -> None:
    grey = Image.fromarray(np.array([[0, 257, 32896, 65535, 128, 129]], dtype=np.uint16))
    assert read_image(encoded(grey, format)).tolist() == [[[0, 1, 128, 255, 0, 1]]]  # v / 257, rounded


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_transparency_shows_white(format: str) -> None:
    image = Image.new("RGBA", (3, 1), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    image.putpixel((2, 0), (255, 0, 0, 51))  # a fifth red: 255 and 255 * 4 / 5
    content = encoded(image, format, **LOSSLESS[format])
    assert read_image(content).tolist() == [[[0, 255, 255]], [[0, 255, 204]], [[0, 255, 204]]]


def test_grey_with_transparency_stays_grey() -> None:
    assert read_image(encoded(Image.new("LA", (1, 1), (0, 102)))).tolist() == [[[153]]]  # 255 * (1 - 102 / 255)


@pytest.mark.parametrize(("mode", "transparent"), [("L", 7), ("RGB", (7, 7, 7)), ("P", 7), ("P", b"\xff" * 7 + b"\0")])
def test_a_colour_declared_transparent_shows_white(mode: str, transparent: object) -> None:
    image = Image.new(mode, (1, 1), (7, 7, 7) if mode == "RGB" else 7)
    if mode == "P":
        image.putpalette(list(range(24)))
    assert set(read_image(encoded(image, transparency=transparent)).flatten().tolist()) == {255}


def test_cmyk_becomes_red_green_blue() -> None:
    ink = Image.new("CMYK", (1, 1), (0, 255, 255, 0))  # magenta and yellow make red
    assert read_image(encoded(ink, "TIFF")).flatten().tolist() == [255, 0, 0]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "expected"),  # EXIF 2.3, tag 0x0112: where the row of the file that comes first stands
    [
        (1, [[0, 255], [0, 0]]),
        (2, [[255, 0], [0, 0]]),
        (3, [[0, 0], [255, 0]]),
        (4, [[0, 0], [0, 255]]),
        (5, [[0, 0], [255, 0]]),
        (6, [[0, 0], [0, 255]]),
        (7, [[0, 255], [0, 0]]),
        (8, [[255, 0], [0, 0]]),
    ],
)
def test_the_image_is_turned_upright(orientation: int, expected: list, format: str) -> None:
    stored = Image.fromarray(np.kron(np.array([[0, 255], [0, 0]], dtype=np.uint8), np.ones((16, 8), dtype=np.uint8)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(encoded(stored, format, exif=exif, **LOSSLESS.get(format, {"quality": 100})))
    rows, columns = (32, 16) if orientation < 5 else (16, 32)
    assert image.shape[1:] == (rows, columns)
    corners = image[0, :: rows - 1, :: columns - 1]
    assert torch.equal(corners > 127, torch.tensor(expected) > 127)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_says_nothing_against_the_pixels(format: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(encoded(Image.fromarray(COLOUR), format, exif=b"Exif\0\0no such header"))
    assert image_shape(path) == tuple(read_image(path).shape) == (3, 5, 7)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_a_truncated_file_is_an_error(format: str) -> None:
    content = encoded(Image.fromarray(np.tile(COLOUR, (9, 9, 1))), format)
    with pytest.raises(DataError, match=r"An image is a whole JPEG.* Received [\d,]+ bytes: .*(damaged|none of these)"):
        read_image(content[: len(content) // 2])


@pytest.mark.parametrize("content", [b"", b"hello", b"%PDF-1.7", b"<svg/>"])
def test_other_formats_are_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=rf"Received {len(content)} bytes: none of these formats. Export"):
        read_image(content)


def test_a_format_that_pillow_knows_and_we_do_not_is_refused() -> None:
    with pytest.raises(DataError, match="none of these formats"):
        read_image(encoded(Image.fromarray(COLOUR), "TGA"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Received .*nowhere.png: .*No such file"):
        read_image(tmp_path / "nowhere.png")


def test_numbers_without_a_known_white_are_refused() -> None:
    with pytest.raises(DataError, match="32-bit numbers, of which nobody says which is white; scale them"):
        read_image(encoded(Image.new("F", (2, 2)), "TIFF"))


def test_the_limit_on_pixels_holds_before_decoding() -> None:
    # The header alone: with any decoding, the missing rest would be the error.
    content = encoded(Image.new("L", (1000, 1001)))[:100]
    with pytest.raises(DataError, match="1,001 rows x 1,000 columns are more than 1 million pixels"):
        read_image(content, megapixels=1)


def test_an_image_at_the_limit_is_read() -> None:
    assert read_image(encoded(Image.new("1", (1000, 1000))), megapixels=1).shape == (1, 1000, 1000)


def test_a_bomb_is_refused() -> None:
    header = b"P6 100000 100000 255\n"  # 30 GB of pixels
    with pytest.raises(DataError, match="DecompressionBomb"):
        read_image(header + bytes(100))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_header_tells_the_shape_that_a_turned_image_will_have(
    format: str, orientation: int, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "image").write_bytes(encoded(Image.fromarray(COLOUR), format, exif=exif))
    assert image_shape(tmp_path / "image") == tuple(read_image(tmp_path / "image").shape)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_the_header_tells_whether_an_image_is_grey(mode: str, tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(encoded(Image.new(mode, (3, 2)), "TIFF"))
    assert image_shape(tmp_path / "image") == tuple(read_image(tmp_path / "image").shape)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(
    format=st.sampled_from([*LOSSLESS, "JPEG", "GIF"]),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_a_damaged_file_gives_pixels_or_a_data_error(format: str, changes: list[tuple[int, int]]) -> None:
    content = bytearray(encoded(Image.fromarray(COLOUR), format))
    for place, value in changes:
        content[place % len(content)] = value
    try:
        image = read_image(bytes(content), megapixels=1)
    except DataError:
        return
    assert image.dtype == torch.uint8


def test_pillow_here_has_every_decoder() -> None:
    assert all(features.check(name) for name in ("jpg", "zlib", "webp", "libtiff"))
