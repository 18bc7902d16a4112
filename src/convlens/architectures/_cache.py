"""Published weights on this machine: fetched once, checked, converted, and kept as safetensors with a card."""

import hashlib
import json
import os
import re
import warnings
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from convlens.architectures._card import NetCard
from convlens.architectures._checkpoint import CHECKSUM, checksum, read_checkpoint, rename
from convlens.architectures._naming import Rules
from convlens.architectures._published import (
    CLASS_INDEX,
    CLASS_INDEX_MD5,
    CLASSES,
    PUBLISHED,
    Published,
    address,
    read_timm_config,
    timm_model,
    timm_url,
)
from convlens.data._download import download, read_headers
from convlens.data._mnist import cache_folder
from convlens.errors import DownloadError, NetError
from convlens.files import locked, made_whole

_TRAINED_ON = "ImageNet (ILSVRC 2012): 1.28 million photos of 1000 classes"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_JSON = 1 << 20  # bytes
_MOST_WEIGHTS = 1 << 30  # bytes; vgg19_bn, the largest here, has 575 million


def weights_folder() -> Path:
    """Say where weights are kept: $CONVLENS_CACHE/weights, or in the platform's cache folder."""
    return Path(os.environ.get("CONVLENS_CACHE") or cache_folder()) / "weights"


def fetch(name: str, weights: str, *, rules: Rules) -> Path:
    """Bring published weights onto this machine, unless they are there.

    A publisher's file that lies in `weights_folder()` under its published name is taken instead of a download.

    Args:
        name: of the architecture, in the catalogue.
        weights: one of `PUBLISHED[name]`, or "timm/NAME.TAG".
        rules: from the publisher's names of tensors to ours.

    Returns:
        A safetensors file in `weights_folder()`, with a card.

    Raises:
        DownloadError: the publisher cannot be reached, or its file arrives damaged.
        NetError: there are no such weights, or a file of theirs that lies here is damaged.
    """
    kept = weights_folder() / f"{weights.replace('/', '-') if '/' in weights else f'{name}-{weights}'}.safetensors"
    if kept.is_file():
        return kept
    with locked(kept):
        if not kept.is_file():  # another process may have fetched them meanwhile
            if (model := timm_model(name, weights)) is not None:
                _fetch_timm(model, kept, name=name, rules=rules)
            else:
                _fetch_published(PUBLISHED[name][weights], kept, name=name, rules=rules)
    return kept


def published_card(published: Published, *, name: str) -> NetCard:
    """Write the card of torchvision's weights.

    Args:
        published: which.
        name: of the architecture.
    """
    return NetCard(
        architecture=name,
        classes=class_names(CLASSES),
        preprocessing=published.preprocessing,
        trained_on=f"{_TRAINED_ON}. Weights: torchvision, {published.file}",
        accuracy=published.top1,
    )


def class_names(count: int) -> tuple[str, ...]:
    """Name the classes of ImageNet, or number those of another data set.

    Args:
        count: of classes; ImageNet's challenge has 1000.

    Returns:
        A name for each score. Where the names cannot be fetched, numbers, and a warning.
    """
    numbers = tuple(map(str, range(count)))
    if count != CLASSES:
        return numbers
    path = weights_folder() / "imagenet_class_index.json"
    try:
        with locked(path):
            if not path.is_file():
                by_hand = str(path.parent)
                download([address(CLASS_INDEX)], path, size=None, sha256="", most=_MOST_JSON, by_hand=by_hand)
            content = path.read_bytes()
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != CLASS_INDEX_MD5:
            path.unlink(missing_ok=True)
            raise DownloadError(f"{path.name} has another checksum (MD5) than {CLASS_INDEX_MD5}")
        index = json.loads(content)
        return tuple(index[number][1].replace("_", " ") for number in numbers)
    except (DownloadError, OSError) as error:
        warnings.warn(
            f"The classes are numbered: their names could not be fetched. {error} Remove the cached weights in "
            f"{path.parent} to try again.",
            stacklevel=2,
        )
        return numbers


def timm_card(config: Path, *, name: str, model: str) -> NetCard:
    """Write the card of one of timm's models.

    Args:
        config: the model's config.json.
        name: of the architecture.
        model: the model's name on the hub.

    Raises:
        NetError: the file does not say what it should.
    """
    try:
        record = json.loads(config.read_bytes())
    except (ValueError, RecursionError) as error:
        raise NetError(f"A config.json is JSON. Received {str(config)!r}: {error}. Fetch it anew.") from error
    preprocessing, count = read_timm_config(record, name=name)
    trained_on = f"what timm says of {model} (https://huggingface.co/timm/{model})"
    return NetCard(name, class_names(count), preprocessing, trained_on=trained_on)


def check_named_checksum(path: Path, published: Published) -> None:
    """Refuse a publisher's file whose content is not what its name says.

    Raises:
        NetError: the checksum is another one.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(published.sha256):
        raise NetError(
            f"The name of a published file ends with the first digits of its checksum (SHA-256). Received "
            f"path={str(path)!r} with {found}: the file is damaged. Remove it and fetch it from {published.url}."
        )


def _fetch_published(published: Published, kept: Path, *, name: str, rules: Rules) -> None:
    source = kept.with_name(published.file)
    if source.is_file():
        check_named_checksum(source, published)
    else:
        download(
            [published.url],
            source,
            size=None,
            sha256=published.sha256,
            most=_MOST_WEIGHTS,
            by_hand=f"{source.parent}",
        )
    _convert(source, kept, rules=rules, card=published_card(published, name=name))


def _fetch_timm(model: str, kept: Path, *, name: str, rules: Rules) -> None:
    url = timm_url(model, "model.safetensors")
    config, source = kept.with_name(f"timm-{model}.json"), kept.with_name(f"timm-{model}.download")
    headers = read_headers(url)
    tag = headers.get("x-linked-etag", headers.get("etag", "")).removeprefix("W/").strip('"')
    if not _SHA256.fullmatch(tag):
        raise DownloadError(
            f"The hub says the checksum (SHA-256) of a file in the header X-Linked-Etag. Received {tag!r} from {url}. "
            "Fetch model.safetensors and config.json by hand into one folder, and name the file."
        )
    size = headers.get("x-linked-size")
    by_hand = "a folder with its config.json, and name that file as the weights"
    download([timm_url(model, "config.json")], config, size=None, sha256="", most=_MOST_JSON, by_hand=by_hand)
    try:
        card = timm_card(config, name=name, model=model)  # before a download of many megabytes
    finally:
        config.unlink()
    whole = int(size) if size is not None and size.isdecimal() else None
    download([url], source, size=whole, sha256=tag, most=_MOST_WEIGHTS, by_hand=by_hand)
    _convert(source, kept, rules=rules, card=card)


def _convert(source: Path, kept: Path, *, rules: Rules, card: NetCard) -> None:
    """Write a publisher's tensors under our names, with a card; then the publisher's file is no longer needed."""
    _write(kept, _read_renamed(source, rules), card=card)
    source.unlink()  # no tensor is left that maps it, which Windows would forbid


def _read_renamed(source: Path, rules: Rules) -> dict[str, Tensor]:
    tensors, _ = read_checkpoint(source)
    # What a net may do without (auxiliary heads) stays, under its published name: another net may want it.
    return {name: tensor.contiguous() for name, tensor in rename(tensors, rules, drop=False).items()}


def _write(path: Path, tensors: dict[str, Tensor], *, card: NetCard) -> None:
    with made_whole(path) as temporary:
        save_file(tensors, temporary, metadata={**card.to_metadata(), CHECKSUM: checksum(tensors)})
