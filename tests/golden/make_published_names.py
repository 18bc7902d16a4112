"""Write published_names.json.gz: the names and shapes of the tensors in the files of weights that publishers serve.

Run where torchvision 0.29 and timm 1.0 are installed (neither is needed to run the tests):

    python tests/golden/make_published_names.py

{"torchvision": {VARIANT: {NAME: SHAPE}}, "timm": {VARIANT: {NAME: SHAPE}}}. Both libraries build the nets without
weights; their state dicts have the names and shapes of the published files, with two exceptions that are applied here:
torchvision's DenseNet files are from 2017, write norm.1 where the net says norm1 inside a dense layer, and have no
num_batches_tracked; torchvision's GoogLeNet file has the auxiliary heads.
"""

import gzip
import json
import re
from pathlib import Path

import torch

VARIANTS = [
    *("alexnet", "googlenet"),
    *(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")),
    *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)),
    *(f"densenet{depth}" for depth in (121, 161, 169, 201)),
]
DENSE_LAYER = re.compile(r"(.*denselayer\d+\.(?:norm|conv))(\d\..*)")


def names_and_shapes(net: torch.nn.Module, *, old: bool = False) -> dict[str, list[int]]:
    """Describe a state dict."""
    shapes = {}
    for name, tensor in net.state_dict().items():
        if old and name.endswith("num_batches_tracked"):
            continue
        shapes[DENSE_LAYER.sub(r"\1.\2", name) if old else name] = list(tensor.shape)
    return shapes


def main() -> None:
    """Write the file beside this script."""
    import timm
    import torchvision

    published: dict[str, dict[str, dict[str, list[int]]]] = {"torchvision": {}, "timm": {}}
    with torch.device("meta"):
        for variant in VARIANTS:
            heads = {"aux_logits": True, "init_weights": False} if variant == "googlenet" else {}
            net = getattr(torchvision.models, variant)(**heads)
            published["torchvision"][variant] = names_and_shapes(net, old=variant.startswith("densenet"))
            if variant in timm.list_models() and variant not in ("alexnet", "googlenet"):
                published["timm"][variant] = names_and_shapes(timm.create_model(variant))
    content = json.dumps(published, separators=(",", ":")).encode()
    Path(__file__).with_name("published_names.json.gz").write_bytes(gzip.compress(content, mtime=0))


if __name__ == "__main__":
    main()
