"""A peer: LeNet on MNIST with fastai, two epochs of its one-cycle policy. train_mnist.py runs it.

Written as fastai's documentation writes it, and quick: tensors in memory, no worker processes, no progress bar.
Prints the accuracy.
"""

import sys
from pathlib import Path

from fastai.vision.all import (
    CrossEntropyLossFlat,
    DataLoader,
    DataLoaders,
    Learner,
    accuracy,
    set_seed,
)
from mnist import lenet, load

seed = int(sys.argv[2])
set_seed(seed)
train, val, test = load(Path(sys.argv[1]))
dls = DataLoaders.from_dsets(train, val, bs=64, num_workers=0, device="cpu")
learn = Learner(dls, lenet(), loss_func=CrossEntropyLossFlat(), metrics=accuracy)
with learn.no_bar(), learn.no_logging():
    learn.fit_one_cycle(2, 1e-2)
    print(learn.validate(dl=DataLoader(test, bs=512, num_workers=0, device="cpu"))[1])
