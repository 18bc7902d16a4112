"""Which images a step sees: seed, epoch and step decide it, and nothing else."""

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from convlens.data import Part, Preprocessing


class Batches:
    """The batches of a training, by the number of the step.

    Attributes:
        per_epoch: batches of an epoch. Images that do not fill another one are left out, others in each epoch.
    """

    def __init__(self, part: Part, preprocessing: Preprocessing, *, batch_size: int, seed: int) -> None:
        self._pixels: UInt8[Tensor, "image channel row column"] = preprocessing.fit(part.images)
        self._labels = part.labels
        self._normalise = preprocessing.normalise
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = -1
        self._order: Int64[Tensor, " image"] = torch.empty(0, dtype=torch.int64)
        self.per_epoch = len(part) // batch_size

    def __getitem__(self, step: int) -> tuple[Float32[Tensor, "batch channel row column"], Int64[Tensor, " batch"]]:
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            random = np.random.default_rng((self._seed, epoch))  # torch's generators take no more than 32 bits
            self._epoch, self._order = epoch, torch.from_numpy(random.permutation(len(self._labels)))
        chosen = self._order[place * self._batch_size : (place + 1) * self._batch_size]
        # Channels last: convolutions on the CPU are up to twice as fast as with a map after the other.
        images = self._normalise(self._pixels[chosen]).contiguous(memory_format=torch.channels_last)
        return images, self._labels[chosen]
