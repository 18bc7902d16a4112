"""Which images a step sees: seed, epoch and step decide it, and nothing else."""

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from convlens.data import Part, Preprocessing
from convlens.training._recipe import Recipe


class Batches:
    """The batches of a training, by the number of the step.

    Attributes:
        per_epoch: batches of an epoch. Images that do not fill another one are left out, others in each epoch.
    """

    def __init__(self, part: Part, preprocessing: Preprocessing, *, recipe: Recipe, seed: int) -> None:
        fitted = preprocessing.fit(part.images)
        self._reach = [round(side * recipe.shift) for side in preprocessing.size]  # pixels, each way
        rows, columns = self._reach
        padded = F.pad(fitted, [columns, columns, rows, rows])
        # A view: image, channel, and for each place of the window in the padded image its rows and columns.
        self._windows: UInt8[Tensor, "image channel down right row column"] = padded.unfold(
            2, fitted.shape[2], 1
        ).unfold(3, fitted.shape[3], 1)
        self._labels = part.labels
        self._normalise = preprocessing.normalise
        self._batch_size = recipe.batch_size
        self._flip = recipe.flip
        self._seed = seed
        self._epoch = -1
        self._order, self._down, self._right = (torch.empty(0, dtype=torch.int64) for _ in range(3))
        self._mirrored = torch.empty(0, dtype=torch.bool)
        self.per_epoch = len(part) // recipe.batch_size

    def __getitem__(self, step: int) -> tuple[Float32[Tensor, "batch channel row column"], Int64[Tensor, " batch"]]:
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._begin(epoch)
        chosen = slice(place * self._batch_size, (place + 1) * self._batch_size)
        images = self._order[chosen]
        pixels = self._windows[images, :, self._down[chosen], self._right[chosen]]
        if self._flip:
            pixels = torch.where(self._mirrored[chosen].view(-1, 1, 1, 1), pixels.flip(3), pixels)
        # Channels last: convolutions on the CPU are up to twice as fast as with a map after the other.
        return self._normalise(pixels).contiguous(memory_format=torch.channels_last), self._labels[images]

    def _begin(self, epoch: int) -> None:
        random = np.random.default_rng((self._seed, epoch))  # torch's generators take no more than 32 bits
        self._epoch = epoch
        self._order = torch.from_numpy(random.permutation(len(self._labels)))
        self._down, self._right = (
            torch.from_numpy(random.integers(0, 2 * reach + 1, len(self._labels))) for reach in self._reach
        )
        self._mirrored = torch.from_numpy(
            random.random(len(self._labels)) < 0.5
        )  # drawn last: the others stay as they were
