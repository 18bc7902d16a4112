"""What one batch says of every channel, in few passes over the maps."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from convlens.insight._survey_plan import SurveyedLayer
from convlens.insight._survey_totals import BINS, Totals, add_pair, as_pair

_STREAMS = 4  # tables a channel, in turns: a processor waits less often for the count that it has just raised


class BatchStatistics:
    """Adds batches to totals. Call `see` for each layer's output during a pass, then `finish`."""

    def __init__(self, layers: Sequence[SurveyedLayer], totals: Totals) -> None:
        self._layers = {layer.name: layer for layer in layers}
        starts = np.cumsum([0, *(layer.channels for layer in layers)])
        self._slices = {
            layer.name: slice(int(start), int(start) + layer.channels)
            for layer, start in zip(layers, starts, strict=False)
        }
        self._totals = totals
        self._offsets: dict[str, Tensor] = {}
        self._images: np.ndarray = np.zeros(0, dtype=np.int64)
        self._seen: dict[str, tuple[Tensor, ...]] = {}
        self._places = np.concatenate([np.full(layer.channels, layer.units) for layer in layers])

    def begin(self, images: np.ndarray) -> None:
        """Say which images, by index, the next pass reads."""
        self._images = images
        self._seen = {}

    def see(self, name: str, output: Tensor) -> None:
        """Count and sum up one layer's output; it is left as it is."""
        maps = output.detach().float().flatten(2) if output.dim() > 2 else output.detach().float()[..., None]
        maps = maps.contiguous()
        if maps.shape[2] == 1:
            values = maps[..., 0]
            self._seen[name] = (values, values, values, values * values)
            maxima = values
        else:
            maxima = maps.amax(2)
            self._seen[name] = (maxima, maps.amin(2), maps.sum(2), (maps * maps).sum(2))
        self._count(name, maps)
        self._rank(name, maps, maxima)

    def _count(self, name: str, maps: Tensor) -> None:
        _, channels, units = maps.shape
        # The eight leading bits of a half: an arithmetic shift leaves -128 .. 127.
        codes = maps.to(torch.float16).view(torch.int16) >> 8
        if name not in self._offsets:
            stream = torch.arange(units, device=maps.device) % _STREAMS
            first = torch.arange(channels, device=maps.device)[:, None] * _STREAMS
            self._offsets[name] = ((first + stream) * BINS + BINS // 2).to(
                torch.int16 if channels * _STREAMS * BINS < 2**15 else torch.int32
            )
        codes = codes.to(self._offsets[name].dtype)
        codes += self._offsets[name]
        counts = torch.bincount(codes.flatten(), minlength=channels * _STREAMS * BINS)
        table = counts.view(channels, _STREAMS, BINS).sum(1).cpu().numpy()
        bins = self._totals.bins[self._slices[name]]
        bins[:, BINS // 2 :] += table[:, BINS // 2 :]
        bins[:, : BINS // 2] += table[:, BINS // 2 - 1 :: -1]  # of negative halves, larger codes are lower numbers

    def _rank(self, name: str, maps: Tensor, maxima: Tensor) -> None:
        found = self._slices[name]
        highest = maxima.cpu().numpy()
        enters = highest > self._totals.top_values[found, -1]
        for channel in np.flatnonzero(enters.any(0)):
            items = np.flatnonzero(enters[:, channel])
            rows = maps[torch.from_numpy(items).to(maps.device), int(channel)].cpu().numpy()
            self._totals.offer(
                np.array([found.start + channel]),
                highest[items, channel][None],
                self._images[items][None],
                places=rows.argmax(1)[None],  # of equal ones the first, row by row
            )

    def finish(self, labels: np.ndarray) -> None:
        """Add the batch to the totals.

        Args:
            labels: the class of each image; -1 where it has none.
        """
        columns = zip(*(self._seen[name] for name in self._layers), strict=True)
        maxima, minima, sums, squares = (torch.cat(parts, 1).cpu().numpy() for parts in columns)
        sums, squares = sums.astype(np.float64), squares.astype(np.float64)
        totals, means = self._totals, sums / self._places
        add_pair(totals.sums, as_pair(sums.sum(0)))
        add_pair(totals.squares, as_pair(squares.sum(0)))
        add_pair(totals.image_squares, as_pair((means * means).sum(0)))
        np.maximum(totals.maxima, maxima.max(0), out=totals.maxima)
        np.minimum(totals.minima, minima.min(0), out=totals.minima)
        present = np.unique(labels[labels >= 0])
        if len(present):
            of_class = (labels[None] == present[:, None]).astype(np.float64)
            changed = totals.class_sums[:, present]
            add_pair(changed, as_pair(of_class @ means))
            totals.class_sums[:, present] = changed
            totals.class_images[present] += of_class.sum(1).astype(np.int64)
        totals.images += len(labels)
