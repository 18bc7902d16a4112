"""convlens train: train a net and write a run folder."""

from pathlib import Path
from typing import Literal, cast


def train_command(
    data: str | None = None,
    /,
    *,
    net: str = "lenet",
    epochs: int | None = None,
    seed: int = 0,
    folder: Path | None = None,
    threads: int | None = None,
    start: str | None = None,
    flip: bool | None = None,
    shift: float | None = None,
    learning_rate: float | None = None,
    loss: Literal["cross_entropy", "hinge"] | None = None,
    precision: Literal["float32", "bfloat16"] | None = None,
    resume: Path | None = None,
) -> None:
    """Train a net to classify images, and keep it in a run folder: configuration, events, checkpoint, net.

    Ctrl-C stops it with a good checkpoint.

    Args:
        data: "mnist", "digits", or a folder: of class folders with images, or of IDX files.
        net: a name in the catalogue.
        epochs: how often each training image is shown; by default 1, or as many as a small data set needs.
        seed: decides the first weights and the order of the images.
        folder: the run folder; by default runs/DATA-NET-DATE-TIME.
        threads: how many torch uses; by default as many as there are cores.
        start: a trained net of the same layers to begin with: a run folder, a net's file, or an architecture's name for
            its published weights.
        flip: show images mirrored left-right as often as not; by default they are not.
        shift: share of an image's sides by which it is moved at random, at most; by default 1/28.
        learning_rate: the highest of the schedule; by default 0.02.
        loss: what is made small; by default what the net asks for, else cross-entropy.
        precision: bfloat16 takes less time on processors that have it; by default float32.
        resume: go on with the training that was cut off in this folder, with all that it began with.
    """
    from convlens.errors import RunError
    from convlens.training import RecipeOptions, train
    from convlens.training import resume as resume_training

    if (data is None) == (resume is None):
        raise RunError(
            "A training begins with data, or goes on in a folder. "
            f"Received data={data!r}, resume={None if resume is None else str(resume)!r}. "
            "Try `convlens train mnist`, or `convlens train --resume FOLDER`."
        )
    given = {"flip": flip, "shift": shift, "learning_rate": learning_rate, "loss": loss, "precision": precision}
    given = {name: value for name, value in given.items() if value is not None}
    if resume is not None:
        usual = {"net": (net, "lenet"), "epochs": (epochs, None), "seed": (seed, 0), "folder": (folder, None),
                 "threads": (threads, None), "start": (start, None)}  # fmt: skip
        others = [*(name for name, (value, default) in usual.items() if value != default), *given]
        if others:
            raise RunError(
                "A training that is resumed keeps all that it began with. Received --resume with "
                f"{', '.join('--' + name.replace('_', '-') for name in others)}. Leave them out, or begin another."
            )
        resume_training(resume)
    else:
        assert data is not None
        options = cast(RecipeOptions, given)
        train(net, data, epochs=epochs, seed=seed, folder=folder, threads=threads, start=start, **options)
