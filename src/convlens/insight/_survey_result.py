"""A finished survey, and the questions that it answers."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from convlens.errors import SurveyError
from convlens.insight._png import save_png, to_png
from convlens.insight._survey_file import FORMAT, SurveyFile, damaged, open_to_read
from convlens.insight._survey_patches import from_sprite


class Patch(NamedTuple):
    """What made a channel answer strongly.

    Attributes:
        image: its index in the data set.
        name: where the image came from.
        label: its class; -1 where it has none.
        value: of the highest unit.
        place: that unit's row and column in the map; None for a feature.
        rows, columns: of the fitted image, first and end: what the unit reads.
        pixels: these, in colour; larger than 64 pixels a side they are scaled down. None of nets that read no pictures.
    """

    image: int
    name: str
    label: int
    value: float
    place: tuple[int, int] | None
    rows: tuple[int, int]
    columns: tuple[int, int]
    pixels: UInt8[Tensor, "colour row column"] | None


@dataclass(frozen=True)
class Channel:
    """What one channel did over the data set.

    Attributes:
        layer: the layer's name.
        channel: counted from 0.
        units: how many numbers were seen.
        mean, variance: of all units; the variance divides by their count.
        minimum, maximum: of all units.
        sparsity: share of units that are off: below 2^-16, negative ones included; 0..1.
    """

    layer: str
    channel: int
    units: int
    mean: float
    variance: float
    minimum: float
    maximum: float
    sparsity: float

    @property
    def is_dead(self) -> bool:
        """Whether all its units were the same, as those of a ReLU that never opens."""
        return self.minimum == self.maximum

    def __str__(self) -> str:
        return (
            f"{self.layer} {self.channel}: mean {self.mean:.4g}, variance {self.variance:.4g}, "
            f"{self.minimum:.4g} to {self.maximum:.4g}, off {self.sparsity:.1%}"
        )


class Survey:
    """What every channel of a net did over a data set.

    Attributes:
        images: how many were read.
        unread: index of each image that could not be read, to the reason.
        classes: names.
        layers: names, in the order of their calls.
    """

    def __init__(self, file: SurveyFile) -> None:
        self._file = file
        self.net = str(file.meta["net"])
        self.images = int(file.meta["read"])
        self.unread = dict(file.rows("select image, reason from unread"))
        self.classes = tuple(name for (name,) in file.rows("select name from classes order by class"))
        self.layers = [name for (name,) in file.rows("select layer from layers order by position")]
        gaps = file.rows(
            "select layer from layers where channels < 1 or channels != (select count(*) from channels "
            "where layer = layers.layer and channel >= 0 and channel < layers.channels)"
        )
        if gaps or not self.layers:
            raise ValueError(f"channels lack in {gaps[0][0]}" if gaps else "it has no layers")

    def channels(self, layer: str | None = None) -> list[Channel]:
        """List the channels of a layer, or of all."""
        names = self.layers if layer is None else [self._known(layer)]
        return [
            Channel(
                row[0], row[1], row[2], *(math.nan if value is None else value for value in row[3:])
            )  # no NaN in SQLite
            for name in names
            for row in self._file.rows(
                "select layer, channel, units, mean, variance, minimum, maximum, sparsity from channels "
                "where layer = ? order by channel",
                name,
            )
        ]

    def channel(self, layer: str, channel: int) -> Channel:
        """Find one channel.

        Raises:
            SurveyError: there is none.
        """
        found = self.channels(layer)
        if not 0 <= channel < len(found):
            raise SurveyError(
                f"A channel is counted from 0. Received layer={layer!r}, channel={channel}. "
                f"The layer has {len(found)}: 0 to {len(found) - 1}."
            )
        return found[channel]

    def top(self, layer: str, channel: int) -> list[Patch]:
        """Find the patches that made a channel answer most strongly, one an image, the strongest first."""
        self.channel(layer, channel)
        rows = self._file.rows(
            "select image, name, label, value, row, column, first_row, end_row, first_column, end_column "
            "from patches where layer = ? and channel = ? order by place",
            layer,
            channel,
        )
        sprites = self._file.rows("select tile, webp from sprites where layer = ? and channel = ?", layer, channel)
        pictures: Sequence[Tensor | None] = [None] * len(rows)
        if sprites:
            try:
                pictures = from_sprite(sprites[0][1], tile=sprites[0][0])
            except (ValueError, TypeError) as error:
                raise damaged(self._file.path, str(error)) from error
        return [
            Patch(image, name, label, value, None if row is None else (row, column), (a, b), (c, d), pixels)
            for (image, name, label, value, row, column, a, b, c, d), pixels in zip(rows, pictures, strict=False)
        ]

    def histogram(self, layer: str, channel: int) -> list[tuple[float, float, int]]:
        """Count a channel's units: where a bin begins and ends, and how many lie in it; empty bins are left out."""
        self.channel(layer, channel)
        return self._file.rows(
            "select low, high, units from histogram where layer = ? and channel = ? order by low", layer, channel
        )

    def class_means(self, layer: str) -> np.ndarray:
        """Return the mean of each channel over the images of each class: channel, class; NaN without images."""
        means = np.full((len(self.channels(layer)), len(self.classes)), np.nan)
        for channel, label, mean in self._file.rows(
            "select channel, class, mean from class_means where layer = ?", layer
        ):
            if not (0 <= channel < len(means) and 0 <= label < len(self.classes)):
                raise damaged(self._file.path, f"it has no channel {channel} or no class {label}")
            means[channel, label] = math.nan if mean is None else mean
        return means

    def dead(self) -> list[Channel]:
        """List the channels whose units were all the same, as those of a ReLU that never opens."""
        return [channel for channel in self.channels() if channel.is_dead]

    def loving(self, label: str | int, *, count: int = 10) -> list[tuple[Channel, float]]:
        """Find the channels that answer most to a class.

        Args:
            label: a class's name or index.
            count: how many.

        Returns:
            Channels, and by how many standard deviations of the images' means the class lies above all.

        Raises:
            SurveyError: there is no such class.
        """
        index = self.classes.index(label) if label in self.classes else label
        if not isinstance(index, int) or not 0 <= index < len(self.classes):
            raise SurveyError(
                f"A class is named or counted from 0. Received label={label!r}. There are: {', '.join(self.classes)}."
            )
        rows = self._file.rows(
            "select layer, channel, (class_means.mean - channels.mean) / image_deviation as love from class_means "
            "join channels using (layer, channel) where class = ? and image_deviation > 0 "
            "order by love desc, layer, channel limit ?",
            index,
            count,
        )
        return [(self.channel(layer, channel), love) for layer, channel, love in rows]

    def nearest(self, layer: str, channel: int, *, count: int = 5) -> list[tuple[Channel, float]]:
        """Find the channels of the same layer whose means over the classes go with this one's.

        Returns:
            Channels, and the correlation of the two rows of means, -1..1, the highest first.

        Raises:
            SurveyError: there is no such channel, or the images are of fewer than two classes.
        """
        channels = self.channels(layer)
        self.channel(layer, channel)
        means = self.class_means(layer)
        means = means[:, ~np.isnan(means).any(0)]
        if means.shape[1] < 2:
            raise SurveyError(
                "Channels are neighbours if they answer to the same classes. "
                f"Received a survey with {means.shape[1]} classes. Survey images of two classes or more."
            )
        centred = means - means.mean(1, keepdims=True)
        lengths = np.linalg.norm(centred, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            correlation = np.nan_to_num(centred @ centred[channel] / (lengths * lengths[channel]), nan=-1.0)
        order = [other for other in np.argsort(-correlation, kind="stable").tolist() if other != channel]
        return [(channels[other], float(correlation[other])) for other in order[:count]]

    def picture(self, layer: str, *, zoom: int = 1) -> Image.Image:
        """Draw the top patches of a layer: a row a channel."""
        tops = [self.top(layer, channel.channel) for channel in self.channels(layer)]
        shown = [patch.pixels for row in tops for patch in row if patch.pixels is not None]
        side = max((max(pixels.shape[1:]) for pixels in shown), default=1) + 1
        sheet = torch.full((3, side * len(tops), side * max(map(len, tops), default=1)), 40, dtype=torch.uint8)
        for at, row in enumerate(tops):
            for place, patch in enumerate(row):
                if patch.pixels is not None:
                    _, height, width = patch.pixels.shape
                    sheet[:, at * side : at * side + height, place * side : place * side + width] = patch.pixels
        picture = Image.fromarray(sheet.permute(1, 2, 0).contiguous().numpy())
        return picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)

    def save_picture(self, layer: str, path: str | os.PathLike[str], *, zoom: int = 2) -> None:
        """Write the top patches of a layer as a PNG file: a row a channel.

        Args:
            layer: one of `layers`.
            path: the file, whose folder exists.
            zoom: screen pixels a pixel.

        Raises:
            SurveyError: there is no such layer.
            InsightError: the name is not one of a PNG file, or the folder is missing.
        """
        save_png(os.fspath(path), to_png(self.picture(layer, zoom=zoom)))

    def _known(self, layer: str) -> str:
        if layer not in self.layers:
            raise SurveyError(
                f"A layer is one of the survey's. Received layer={layer!r}. There are: {', '.join(self.layers)}."
            )
        return layer

    def __str__(self) -> str:
        lines = [f"{self.net} over {self.images:,} images, {len(self.unread)} more could not be read"]
        for layer in self.layers:
            found = self.channels(layer)
            off = sum(channel.sparsity for channel in found) / len(found)
            dead = sum(channel.is_dead for channel in found)
            lines.append(f"  {layer}: {len(found)} channels, off {off:.1%}, dead {dead}")
        return "\n".join(lines)


def open_survey(path: str | os.PathLike[str]) -> Survey:
    """Open a finished survey. Nothing in the file is executed.

    Raises:
        SurveyError: the file is missing, damaged, something else, or not finished.
    """
    file = open_to_read(Path(path))
    try:
        meta = file.meta
        if meta.get("format") != FORMAT:
            raise ValueError(f"its format is {meta.get('format')!r}, not {FORMAT!r}")
        if meta.get("finished") is not True:
            raise SurveyError(
                f"A survey is read when all its images are. Received path={str(path)!r}, which has "
                f"{len(file.done)} batches of {meta['batch']} of {meta['images']} images. Give the same command again."
            )
        return Survey(file)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        file.close()
        if isinstance(error, SurveyError):
            raise
        raise damaged(Path(path), str(error)) from error
