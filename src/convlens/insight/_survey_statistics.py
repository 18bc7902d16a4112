"""What one batch says of every channel, in few passes over the maps."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from convlens.insight._survey_plan import SurveyedLayer
from convlens.insight._survey_totals import BINS, Totals, add_pair, as_pair

_STREAMS = 4  # tables a channel, in turns: a processor waits less often for the count that it has just raised
_FEATURE_BATCHES = 16  # batches whose features are counted at once
_ZERO = BINS // 2  # the bin that begins at 0
_INFINITE = _ZERO + 0x7C  # the bin of infinity; in those behind it lies what is no number


class BatchStatistics:
    """Adds batches to totals.

    Call `begin`, then `see` for each layer's output during a pass, then `finish`; and `settle` before totals are read.
    """

    def __init__(self, layers: Sequence[SurveyedLayer], totals: Totals) -> None:
        self._names = [layer.name for layer in layers]
        starts = np.cumsum([0, *(layer.channels for layer in layers)]).tolist()
        self._slices = {
            layer.name: slice(start, start + layer.channels) for layer, start in zip(layers, starts, strict=False)
        }
        self._totals = totals
        self._units = np.concatenate([np.full(layer.channels, layer.units) for layer in layers])
        self._offsets: dict[tuple[int, int], Tensor] = {}
        self._images: np.ndarray = np.zeros(0, dtype=np.int64)
        self._seen: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
        self._candidates: list[tuple[np.ndarray, ...]] = []
        self._feature_names = [layer.name for layer in layers if layer.units == 1]
        self._feature_channels = np.flatnonzero(self._units == 1)
        self._features: list[Tensor] = []

    def begin(self, images: np.ndarray) -> None:
        """Say which images, by index, the next pass reads."""
        self._images = images
        self._seen = {}
        self._candidates = []

    def see(self, name: str, output: Tensor) -> None:
        """Count and sum up one layer's output; it is left as it is."""
        maps = output.detach().float()
        if maps[0, 0].numel() == 1:
            values = maps.flatten(1).clone()  # what follows may change it in place
            self._seen[name] = (values, values, values * values)
            return
        maps = maps.flatten(2).contiguous()
        maxima = maps.amax(2)
        self._seen[name] = (maxima, maps.sum(2), (maps * maps).sum(2))
        found = self._slices[name]
        self._count(maps, found)
        self._rank(maxima, found, maps=maps)

    def finish(self, labels: np.ndarray) -> None:
        """Add the batch to the totals.

        Args:
            labels: the class of each image; -1 where it has none.
        """
        if self._feature_names:
            features = torch.cat([self._seen[name][0] for name in self._feature_names], 1)
            self._rank(features, self._feature_channels)
            self._features.append(features)
            if len(self._features) == _FEATURE_BATCHES:
                self.settle()
        columns = zip(*(self._seen[name] for name in self._names), strict=True)
        maxima, sums, squares = (torch.cat(parts, 1).cpu().numpy() for parts in columns)
        sums, squares = sums.astype(np.float64), squares.astype(np.float64)
        totals, means = self._totals, sums / self._units
        add_pair(totals.sums, as_pair(sums.sum(0)))
        add_pair(totals.squares, as_pair(squares.sum(0)))
        add_pair(totals.image_squares, as_pair((means * means).sum(0)))
        np.maximum(totals.maxima, maxima.max(0), out=totals.maxima)
        present = np.unique(labels[labels >= 0])
        if len(present):
            of_class = (labels[None] == present[:, None]).astype(np.float64)
            changed = totals.class_sums[:, present]
            add_pair(changed, as_pair(of_class @ means))
            totals.class_sums[:, present] = changed
            totals.class_images[present] += of_class.sum(1).astype(np.int64)
        totals.images += len(labels)
        if self._candidates:
            channels, values, images, places = (np.concatenate(parts) for parts in zip(*self._candidates, strict=True))
            totals.offer(channels, values, images, places=places)

    def settle(self) -> None:
        """Count features, which wait for each other: a table of counts costs more than one batch of them."""
        if self._features:
            self._count(torch.cat(self._features)[..., None], self._feature_channels)
            self._features = []

    def _count(self, maps: Tensor, found: slice | np.ndarray) -> None:
        """Count units into bins; and find the lowest one, where the bins leave a doubt."""
        _, channels, units = maps.shape
        # The eight leading bits of a half: an arithmetic shift leaves -128 .. 127.
        codes = maps.to(torch.float16).view(torch.int16) >> 8
        offsets = self._offset(channels, units, device=maps.device)
        codes = codes.add_(offsets) if offsets.dtype == codes.dtype else codes + offsets
        streams = min(units, _STREAMS)
        counts = torch.bincount(codes.flatten(), minlength=channels * streams * BINS)
        table = counts.view(channels, streams, BINS).sum(1).cpu().numpy()
        table[:, :_ZERO] = table[:, _ZERO - 1 :: -1]  # of negative halves, larger codes are lower numbers
        self._totals.bins[found] += table
        known = self._totals.minima[found]
        # Behind a ReLU this is soon never so, which saves a pass over the maps.
        if known.max() > 0 or table[:, :_ZERO].any() or table[:, _INFINITE + 1 :].any():
            self._totals.minima[found] = np.minimum(known, maps.amin(2).amin(0).cpu().numpy())

    def _offset(self, channels: int, units: int, *, device: torch.device) -> Tensor:
        """Return what makes a code the number of its table and bin."""
        if (channels, units) not in self._offsets:
            streams = min(units, _STREAMS)
            table = torch.arange(channels)[:, None] * streams + torch.arange(units) % streams
            kind = torch.int16 if channels * streams * BINS < 2**15 else torch.int32
            self._offsets[channels, units] = (table * BINS + _ZERO).to(device, kind)
        return self._offsets[channels, units]

    def _rank(self, maxima: Tensor, found: slice | np.ndarray, *, maps: Tensor | None = None) -> None:
        """Note which images' highest units may be among the top ones, and where those are in their maps."""
        highest = maxima.cpu().numpy()
        items, channels = np.nonzero(highest > self._totals.top_values[found, -1])
        if len(items) == 0:
            return
        places = np.zeros(len(items), dtype=np.int64)
        if maps is not None:
            chosen = maps[torch.from_numpy(items).to(maps.device), torch.from_numpy(channels).to(maps.device)]
            places = chosen.cpu().numpy().argmax(1)  # of equal ones the first, row by row
        every = np.arange(len(self._units))[found]
        self._candidates.append((every[channels], highest[items, channels], self._images[items], places))
