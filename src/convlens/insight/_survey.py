"""What every channel of a net does over a whole data set: in one pass, by one process or several, killed or not."""

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from convlens.data import Preprocessing
from convlens.errors import SurveyError
from convlens.insight._survey_file import SurveyFile, create
from convlens.insight._survey_finish import finish
from convlens.insight._survey_images import find_images, read
from convlens.insight._survey_plan import SurveyedLayer, batch_size, choose_layers, seen
from convlens.insight._survey_result import Survey, open_survey
from convlens.insight._survey_statistics import BatchStatistics
from convlens.insight._survey_totals import Totals
from convlens.insight._undisturbed import undisturbed

_KEEP_EVERY = 2.0  # seconds between two commits, or twenty times as long as the last one took


def survey(
    net: nn.Module,
    data: Any,
    *,
    file: str | os.PathLike[str],
    layers: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    part: str = "test",
    top: int = 9,
) -> Survey | None:
    """Find out what every channel of a net does over a whole data set, and keep it in one file.

    Memory does not grow with the number of images. A survey that was cut off, by kill -9 too, goes on where it was when
    it is called again; under torchrun (RANK, WORLD_SIZE) each process of this machine takes its share of the batches.
    The result is the same however often it was cut off and however many processes took part, for the same number of
    torch's threads in each.

    Args:
        net: any module that reads one batch of images; it is left as it was.
        data: what `convlens.data.load` takes or gives; a folder of images, read as they are needed; or any sequence of
            (image, label) or (image, label, name), uint8: channel, row, column.
        file: the survey's file, an SQLite database.
        layers: names of modules, or patterns such as "layer4.*"; by default each convolution and linear layer, behind
            the activation function that follows it.
        preprocessing: how pixels become the input; that of the net's card where it has one.
        part: of a data set: "train", "val" or "test".
        top: how many patches to keep for a channel, of as many images.

    Returns:
        The survey; None where other processes have not done their share yet.

    Raises:
        SurveyError: the file is of another survey, or there is no preprocessing, layer or image.
    """
    card = getattr(net, "card", None)
    preprocessing = preprocessing or getattr(card, "preprocessing", None)
    if preprocessing is None:
        raise SurveyError(
            f"Pixels are normalised as a net was trained. Received a {type(net).__name__} without a card, and "
            "preprocessing=None. Pass preprocessing=convlens.data.Preprocessing(...)."
        )
    images, classes = find_images(data, part=part)
    classes = classes or tuple(getattr(card, "classes", ()))
    device = next((tensor.device for tensor in net.parameters()), torch.device("cpu"))
    path = Path(file)
    with undisturbed(net), torch.no_grad():
        chosen = choose_layers(net, torch.zeros(1, *preprocessing.image_shape, device=device), layers)
        kept = create(path)
        try:
            size = batch_size(chosen)
            _claim(kept, net, images, layers=chosen, classes=classes, preprocessing=preprocessing, top=top, size=size)
            if not kept.meta["finished"]:
                _pass(kept, net, images, layers=chosen, classes=len(classes), preprocessing=preprocessing, top=top)
                if len(kept.done) < -(-len(images) // size):
                    return None
                finish(kept, net, images, layers=chosen, classes=classes, preprocessing=preprocessing)
            kept.fold_log()
        finally:
            kept.close()
    return open_survey(path)


def _claim(
    kept: SurveyFile,
    net: nn.Module,
    images: Sequence[Any],
    *,
    layers: Sequence[SurveyedLayer],
    classes: Sequence[str],
    preprocessing: Preprocessing,
    top: int,
    size: int,
) -> None:
    """Write into a new file what it is a survey of; refuse an old one that is of something else."""
    digest = hashlib.sha256()
    for name, tensor in net.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    wanted = {
        "format": "convlens-survey, version 1",
        "net": type(net).__name__,
        "weights": digest.hexdigest(),
        "images": len(images),
        "layers": [layer.name for layer in layers],
        "classes": list(classes),
        "preprocessing": repr(preprocessing),
        "top": top,
        "batch": size,
    }
    with kept.transaction():
        found = kept.meta
        if not found:
            kept.set_meta(**wanted, finished=False)
            return
    others = [key for key, value in wanted.items() if found.get(key) != value]
    if others:
        raise SurveyError(
            "A survey's file goes on with the same net, images and options. "
            f"Received file={str(kept.path)!r}, of another "
            f"{', '.join(f'{key} ({found.get(key)!r}, now {wanted[key]!r})' for key in others)}. Name another file."
        )


@torch.inference_mode()
def _pass(
    kept: SurveyFile,
    net: nn.Module,
    images: Sequence[Any],
    *,
    layers: Sequence[SurveyedLayer],
    classes: int,
    preprocessing: Preprocessing,
    top: int,
) -> None:
    """Count this process's share of the batches, and keep the sums every now and then."""
    rank, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    size, done = kept.meta["batch"], kept.done
    totals = kept.partial(rank) or Totals.empty(sum(layer.channels for layer in layers), classes=classes, top=top)
    statistics = BatchStatistics(layers, totals)
    device = next((tensor.device for tensor in net.parameters()), torch.device("cpu"))
    mine = [batch for batch in range(rank, -(-len(images) // size), processes) if batch not in done]
    counted: list[int] = []
    unread: dict[int, str] = {}
    due = time.monotonic() + _KEEP_EVERY
    with seen(net, [layer.name for layer in layers], statistics.see):
        for batch in mine:
            found, labels, indices = [], [], []
            for index in range(batch * size, min((batch + 1) * size, len(images))):
                example = read(images, index)
                if isinstance(example, str):
                    unread[index] = example
                    continue
                found.append(example[0])
                labels.append(example[1] if example[1] < classes else -1)
                indices.append(index)
            if found:
                statistics.begin(np.array(indices))
                net(preprocessing.normalise(_fitted(found, preprocessing).to(device)))
                statistics.finish(np.array(labels))
            counted.append(batch)
            if time.monotonic() >= due or batch == mine[-1]:
                began = time.monotonic()
                statistics.settle()
                with kept.transaction():
                    kept.keep(rank, totals, batches=counted, unread=unread)
                counted, unread = [], {}
                due = time.monotonic() + max(_KEEP_EVERY, 20 * (time.monotonic() - began))


def _fitted(found: list[Tensor], preprocessing: Preprocessing) -> Tensor:
    if all(image.shape == found[0].shape for image in found):
        return preprocessing.fit(torch.stack(found))
    return torch.stack([preprocessing.fit(image) for image in found])
