"""Sums over any number of images that come out the same however the images are divided among processes.

Sums are pairs of float64, the second holding what the first one's rounding lost (Dekker, "A floating-point technique
for extending the available precision", 1971): 106 bits, of which 53 are shown. Counts are whole numbers.
"""

import io
from dataclasses import dataclass, fields

import numpy as np

BINS = 256  # those of the eight leading bits of a half-precision number: see `bin_edges`


@dataclass
class Totals:
    """What is known of all channels, of all layers side by side, after some of the images.

    Attributes:
        sums, squares: of all units; pairs (2, channel).
        minima, maxima: of all units.
        bins: units in each bin, in the order of their values; (channel, bin).
        image_squares: squares of the maps' means, pairs (2, channel).
        class_images: images of each class.
        class_sums: the maps' means, summed by class: pairs (2, class, channel).
        images: how many were read.
        top_values, top_images, top_places: of the k highest units, at most one an image: (channel, k); image -1: none.
    """

    sums: np.ndarray
    squares: np.ndarray
    minima: np.ndarray
    maxima: np.ndarray
    bins: np.ndarray
    image_squares: np.ndarray
    class_images: np.ndarray
    class_sums: np.ndarray
    images: np.ndarray
    top_values: np.ndarray
    top_images: np.ndarray
    top_places: np.ndarray

    @classmethod
    def empty(cls, channels: int, *, classes: int, top: int) -> "Totals":
        """Begin with no images."""
        return cls(
            sums=np.zeros((2, channels)),
            squares=np.zeros((2, channels)),
            minima=np.full(channels, np.inf),
            maxima=np.full(channels, -np.inf),
            bins=np.zeros((channels, BINS), dtype=np.int64),
            image_squares=np.zeros((2, channels)),
            class_images=np.zeros(classes, dtype=np.int64),
            class_sums=np.zeros((2, classes, channels)),
            images=np.zeros(1, dtype=np.int64),
            top_values=np.full((channels, top), -np.inf, dtype=np.float32),
            top_images=np.full((channels, top), -1, dtype=np.int64),
            top_places=np.zeros((channels, top), dtype=np.int64),
        )

    def merge(self, other: "Totals") -> None:
        """Add what is known of other images."""
        for name in ("sums", "squares", "image_squares", "class_sums"):
            add_pair(getattr(self, name), getattr(other, name))
        for name in ("bins", "class_images", "images"):
            getattr(self, name).__iadd__(getattr(other, name))
        np.minimum(self.minima, other.minima, out=self.minima)
        np.maximum(self.maxima, other.maxima, out=self.maxima)
        channels, places = np.nonzero(other.top_images >= 0)
        found = (getattr(other, name)[channels, places] for name in ("top_values", "top_images", "top_places"))
        values, images, places = found
        self.offer(channels, values, images, places=places)

    def offer(self, channels: np.ndarray, values: np.ndarray, images: np.ndarray, *, places: np.ndarray) -> None:
        """Keep the highest k units of each channel; of equal ones, those of the first images.

        Args:
            channels: of the units that are offered.
            values: theirs.
            images: where they are, each once a channel.
            places: their places in the map, counted row by row.
        """
        changed = np.unique(channels)
        known, ranks = np.nonzero(self.top_images[changed] >= 0)
        known = changed[known]
        channels = np.concatenate([known, channels])
        values = np.concatenate([self.top_values[known, ranks], values])
        images = np.concatenate([self.top_images[known, ranks], images])
        places = np.concatenate([self.top_places[known, ranks], places])
        order = np.lexsort((images, -values, channels))
        channels = channels[order]
        rank = np.arange(len(order)) - np.searchsorted(channels, channels)
        kept = rank < self.top_values.shape[1]
        order, at = order[kept], (channels[kept], rank[kept])
        self.top_values[at], self.top_images[at], self.top_places[at] = values[order], images[order], places[order]

    def to_bytes(self) -> dict[str, bytes]:
        """Write every array in NumPy's own format, without anything pickled."""
        return {field.name: _to_npy(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_bytes(cls, record: dict[str, bytes]) -> "Totals":
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: an array is missing or damaged.
        """
        missing = {field.name for field in fields(cls)} - set(record)
        if missing:
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        return cls(**{field.name: np.load(io.BytesIO(record[field.name]), allow_pickle=False) for field in fields(cls)})


def add_pair(total: np.ndarray, addend: np.ndarray) -> None:
    """Add pairs of float64 to pairs in place; the first axis holds the high and the low part."""
    high, rest = _two_sum(total[0], addend[0])
    low, rest_of_rest = _two_sum(total[1], addend[1])
    high, rest = _quick_two_sum(high, rest + low)
    total[0], total[1] = _quick_two_sum(high, rest + rest_of_rest)


def as_pair(numbers: np.ndarray) -> np.ndarray:
    return np.stack([numbers, np.zeros_like(numbers)])


def _two_sum(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Knuth: the rounded sum, and exactly what was rounded off."""
    total = left + right
    part = total - left
    return total, (left - (total - part)) + (right - part)


def _quick_two_sum(large: np.ndarray, small: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total = large + small
    return total, small - (total - large)


def _to_npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def bin_edges() -> np.ndarray:
    """Return where each bin begins, and where the last one ends.

    A unit is rounded to half precision, whose sign, exponent and first two bits after the point number its bin: four
    bins from one power of two to the next, between 2^-14 and 2^16, on both sides of zero; below, bins of width 2^-16.
    """
    halves = (np.arange(0, 0x7D, dtype=np.uint16) << 8).view(np.float16).astype(np.float64)
    positive = np.concatenate([halves, np.full(BINS // 2 + 1 - len(halves), np.inf)])
    return np.concatenate([-positive[:0:-1], positive])
