"""Pictures as PNG files that are whole or not there."""

import io
from pathlib import Path

from PIL import Image

from convlens.errors import InsightError
from convlens.files import write_whole


def to_png(picture: Image.Image) -> bytes:
    """Encode a picture."""
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()


def save_png(path: str | Path, content: bytes) -> None:
    """Write a PNG file.

    Args:
        path: the file, whose folder exists.
        content: of the file.

    Raises:
        InsightError: the name is not one of a PNG file, or the folder is missing.
    """
    path = Path(path)
    if path.suffix.lower() != ".png" or not path.parent.is_dir():
        raise InsightError(
            "A picture is written to a PNG file in a folder that is there. "
            f"Received path={str(path)!r}. A name such as {path.stem}.png in {str(Path.cwd())!r} would do."
        )
    write_whole(path, content)
