"""A peer: LeNet on MNIST with Lightning's Trainer and Convlens' recipe. train_mnist.py runs it.

What Lightning adds by default and what costs time is off: logger, checkpoints, progress bar, model summary, validation.
Recipe, order of the images, shifts, batches and memory format are those of Convlens. Prints the accuracy.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import lightning
import numpy as np
import torch
from mnist import lenet, load
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

DATA, SEED, RECIPE = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])


class Muon(torch.optim.Optimizer):
    """Convlens' optimiser in the form that Lightning drives."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        """Take one step."""
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            for value in group["params"]:
                mean = self.state[value].setdefault("mean", torch.zeros_like(value))
                mean.lerp_(value.grad, 1 - group["momentum"])
                ahead = value.grad.lerp(mean, group["momentum"])
                if value.ndim < 2:
                    direction = ahead / ahead.norm().clamp(min=1e-7)
                else:
                    direction = orthogonalise(ahead.flatten(1)).view(value.shape)
                value.sub_(direction, alpha=group["lr"])
        return loss


def orthogonalise(matrix: Tensor) -> Tensor:
    """Bring the singular values of a wide matrix (all of LeNet's are) near each other."""
    wide = matrix / matrix.norm().clamp(min=1e-7)
    for a, b, c in ((8.2872, -23.5959, 17.3004), (4.1071, -2.9478, 0.5448)):
        square = wide @ wide.mT
        wide = torch.addmm(wide, torch.addmm(square, square, square, beta=b, alpha=c), wide, beta=a)
    return wide


class Batches:
    """Batches of tensors, shuffled and shifted by at most a pixel each way: far quicker than a DataLoader's."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.windows = F.pad(images, [1] * 4, value=float(images.min())).unfold(2, 32, 1).unfold(3, 32, 1)
        self.labels = labels
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.labels) // RECIPE["batch_size"]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        random = np.random.default_rng((SEED, self.epoch))
        self.epoch += 1
        order = torch.from_numpy(random.permutation(len(self.labels)))
        down, right = (torch.from_numpy(random.integers(0, 3, len(self.labels))) for _ in range(2))
        for start in range(0, len(self) * RECIPE["batch_size"], RECIPE["batch_size"]):
            chosen = slice(start, start + RECIPE["batch_size"])
            images = self.windows[order[chosen], :, down[chosen], right[chosen]]
            yield images.contiguous(memory_format=torch.channels_last), self.labels[order[chosen]]


class Net(lightning.LightningModule):
    """LeNet and how it is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.net = lenet().to(memory_format=torch.channels_last)
        self.right = 0

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
        """Return the loss of a batch."""
        images, labels = batch
        return F.cross_entropy(self.net(images), labels, label_smoothing=RECIPE["label_smoothing"])

    def test_step(self, batch: tuple[Tensor, Tensor], number: int) -> None:
        """Count what is read correctly."""
        images, labels = batch
        self.right += int((self.net(images).argmax(1) == labels).sum())

    def configure_optimizers(self) -> dict:
        """Return the optimiser and its learning rate by the step: up, then down."""
        optimiser = Muon(self.parameters(), {"lr": RECIPE["learning_rate"], "momentum": RECIPE["momentum"]})
        steps = int(self.trainer.estimated_stepping_batches)
        rising = round(RECIPE["warm_up"] * steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: (step + 1) / rising if step < rising else (steps - step) / (steps - rising + 1)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


lightning.seed_everything(SEED, verbose=False)
train, _, test = load(DATA)
trainer = lightning.Trainer(
    max_epochs=RECIPE["epochs"],
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
net = Net()
trainer.fit(net, Batches(*train.tensors))
images, labels = test.tensors
tests = list(zip(images.contiguous(memory_format=torch.channels_last).split(125), labels.split(125), strict=True))
trainer.test(net, DataLoader(tests, batch_size=None), verbose=False)
print(net.right / len(labels))
