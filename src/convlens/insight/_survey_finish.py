"""From sums to rows: what other tools read, and the patches."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import nn

from convlens.data import Preprocessing
from convlens.insight._survey_file import SurveyFile
from convlens.insight._survey_images import read
from convlens.insight._survey_patches import colours, cut, to_sprite
from convlens.insight._survey_plan import Fields, SurveyedLayer
from convlens.insight._survey_totals import BINS, Totals, bin_edges

_BLOCK = 512  # channels whose patches are cut out together: 54 MiB of them, if nine each


def finish(
    kept: SurveyFile,
    net: nn.Module,
    images: Sequence[Any],
    *,
    layers: Sequence[SurveyedLayer],
    classes: Sequence[str],
    preprocessing: Preprocessing,
) -> None:
    """Write all rows and patches, layer by layer; layers that are there, of this process or another, are left."""
    device = next((tensor.device for tensor in net.parameters()), torch.device("cpu"))
    fields = Fields(net, torch.zeros(1, *preprocessing.image_shape, device=device), layers)
    with kept.transaction():
        if kept.meta["finished"]:
            return
        totals = kept.merged()
        counts = zip(range(len(classes)), classes, totals.class_images.tolist(), strict=True)
        kept.write_many("classes", counts)
    start = 0
    for position, layer in enumerate(layers):
        with kept.transaction():
            if not kept.rows("select layer from layers where layer = ?", layer.name):
                rows, columns = layer.shape[1:] if len(layer.shape) == 3 else (1, layer.units)
                kept.write_many("layers", [(layer.name, position, layer.channels, rows, columns)])
                _write_statistics(kept, totals, layer, start=start)
                for first in range(0, layer.channels, _BLOCK):
                    block = range(first, min(first + _BLOCK, layer.channels))
                    _write_patches(
                        kept,
                        totals,
                        layer,
                        images,
                        block=block,
                        start=start,
                        fields=fields,
                        preprocessing=preprocessing,
                    )
        start += layer.channels
    with kept.transaction():
        kept.set_meta(finished=True, read=int(totals.images[0]))
        kept.rows("delete from partials")


def _write_statistics(kept: SurveyFile, totals: Totals, layer: SurveyedLayer, *, start: int) -> None:
    images, edges = int(totals.images[0]), bin_edges()
    units = images * layer.units
    for channel in range(layer.channels):
        at = start + channel
        mean, variance = _moments(totals.sums[:, at], totals.squares[:, at], count=units)
        if totals.minima[at] == totals.maxima[at]:
            variance = 0.0  # exactly, where sums of squares leave a rounding
        map_sum = totals.sums[:, at] / layer.units
        _, spread = _moments(map_sum, totals.image_squares[:, at], count=images)
        bins = totals.bins[at]
        # The middle bin begins at 0: what lies in it or below is off.
        off = int(bins[: BINS // 2 + 1].sum()) / max(units, 1)
        extremes = (float(totals.minima[at]), float(totals.maxima[at]))
        row = (layer.name, channel, units, mean, variance, *extremes, off, math.sqrt(spread))
        kept.write_many("channels", [row])
        kept.write_many(
            "histogram",
            [
                (layer.name, channel, float(edges[i]), float(edges[i + 1]), int(bins[i]))
                for i in np.flatnonzero(bins).tolist()
            ],
        )
        kept.write_many(
            "class_means",
            [
                (layer.name, channel, label, float(totals.class_sums[:, label, at].sum() / count))
                for label, count in enumerate(totals.class_images.tolist())
                if count
            ],
        )


def _moments(total: np.ndarray, squares: np.ndarray, *, count: int) -> tuple[float, float]:
    """Mean and variance (divided by the count) of numbers whose sum and sum of squares are known as pairs."""
    if not (count and np.isfinite(total).all() and np.isfinite(squares).all()):
        return math.nan, math.nan
    # Fractions: a square of the mean and a mean of the squares may agree in all the digits that a float has.
    exact, exact_squares = (Fraction(float(high)) + Fraction(float(low)) for high, low in (total, squares))
    mean = exact / count
    return float(mean), max(0.0, float(exact_squares / count - mean * mean))


def _write_patches(
    kept: SurveyFile,
    totals: Totals,
    layer: SurveyedLayer,
    images: Sequence[Any],
    *,
    block: range,
    start: int,
    fields: Fields,
    preprocessing: Preprocessing,
) -> None:
    """Cut out the top patches of a block of channels; each image is read once."""
    columns = layer.shape[2] if len(layer.shape) == 3 else 1
    found = totals.top_images[start + block.start : start + block.stop]
    channels, places = np.nonzero(found >= 0)
    channels += block.start
    rows: dict[tuple[int, int], tuple] = {}
    tiles: dict[tuple[int, int], np.ndarray] = {}
    of_image = found[found >= 0]
    example: tuple | str = ""
    picture: np.ndarray | None = None
    for i, at in enumerate(order := np.argsort(of_image, kind="stable").tolist()):
        index, channel, place = int(of_image[at]), int(channels[at]), int(places[at])
        if i == 0 or index != of_image[order[i - 1]]:
            example = read(images, index)
            picture = None if isinstance(example, str) else colours(preprocessing.fit(example[0]))
        if isinstance(example, str):
            continue
        where = divmod(int(totals.top_places[start + channel, place]), columns) if len(layer.shape) == 3 else ()
        rectangle = fields.rectangle(layer, where)
        value = float(totals.top_values[start + channel, place])
        row, column = where or (None, None)
        _, label, name = example
        key = (channel, place)
        rows[key] = (layer.name, channel, place, index, name, label, value, row, column, *rectangle)
        if picture is not None:
            tiles[key] = cut(picture, rectangle)
    kept.write_many("patches", [rows[key] for key in sorted(rows)])
    for channel in block:
        shown = [tiles[key] for place in range(totals.top_images.shape[1]) if (key := (channel, place)) in tiles]
        if shown:
            kept.write_many("sprites", [(layer.name, channel, *to_sprite(shown))])
