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
from convlens.insight._survey_patches import cut, to_sprite
from convlens.insight._survey_plan import Fields, SurveyedLayer
from convlens.insight._survey_totals import BINS, Totals, bin_edges


def finish(
    kept: SurveyFile,
    net: nn.Module,
    images: Sequence[Any],
    *,
    layers: Sequence[SurveyedLayer],
    classes: Sequence[str],
    preprocessing: Preprocessing,
) -> None:
    """Write all rows and patches in one transaction. Whoever comes second finds it done."""
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
            rows, columns = layer.shape[1:] if len(layer.shape) == 3 else (1, layer.units)
            kept.write_many("layers", [(layer.name, position, layer.channels, rows, columns)])
            _write_statistics(kept, totals, layer, start=start)
            _write_patches(kept, totals, layer, images, start=start, fields=fields, preprocessing=preprocessing)
            start += layer.channels
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
    start: int,
    fields: Fields,
    preprocessing: Preprocessing,
) -> None:
    columns = layer.shape[2] if len(layer.shape) == 3 else 1
    for channel in range(layer.channels):
        tiles, rows = [], []
        at = start + channel
        best = zip(totals.top_values[at], totals.top_images[at], totals.top_places[at], strict=True)
        for place, (value, index, unit) in enumerate(best):
            if index < 0:
                break
            example = read(images, int(index))
            if isinstance(example, str):
                continue
            image, label, name = example
            where = divmod(int(unit), columns) if len(layer.shape) == 3 else ()
            rectangle = fields.rectangle(layer, where)
            fitted = preprocessing.fit(image)
            if fitted.shape[0] in (1, 3):
                tiles.append(cut(fitted, rectangle))
            row, column = where or (None, None)
            rows.append((layer.name, channel, place, int(index), name, label, float(value), row, column, *rectangle))
        kept.write_many("patches", rows)
        if tiles:
            kept.write_many("sprites", [(layer.name, channel, *to_sprite(tiles))])
