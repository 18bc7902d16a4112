"""Units that never fire, or lie where their function is flat; values that are none: seen while a net reads images."""

from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from convlens.insight._diagnosis import Checked, Finding

# A unit that never fires in n samples fires in a share of at most 3 / n, with 95 % confidence (rule of three: Hanley
# and Lippman-Hand, 1983): 0.1 %. Rarer ones are there in good nets: of the 100 units of the shipped LeNet's last ReLU
# 24 do not fire in 500 digits of MNIST, 4 not in 3,000, 2 not in 20,000.
_LEAST_SAMPLES = 3000  # images, times the places of a map
_LEAST_IMAGES = 100
_MANY = 0.05  # of a layer's channels; fewer are counted, and no illness
_FLAT = 0.99  # of tanh, as of 2 sigmoid - 1: its slope there is a fiftieth of the steepest
_MOSTLY = 0.95  # share of a channel's values beyond it
_WAVY = 0.1  # share of a map's variance that the place within a stride explains; of smooth maps about 0

_aten = torch.ops.aten
_RECTIFIERS = {_aten.relu, _aten.threshold, _aten.hardtanh, _aten.clamp_min, _aten.clamp}
_SQUASHING = {_aten.tanh, _aten.sigmoid}


@dataclass
class _Layer:
    is_rectifier: bool
    most: Tensor | None = None  # of each channel
    samples: int = 0  # of each channel
    flat: Tensor | None = None  # of each channel, summed share of each image
    images: int = 0
    is_output: bool = False

    def add(self, output: Tensor) -> None:
        values = output.detach().transpose(0, 1).flatten(1)
        if self.is_rectifier:
            most = values.amax(1)
            self.most = most if self.most is None else torch.maximum(self.most, most)
        else:
            flat = (values.abs() > _FLAT).float().mean(1) * len(output)
            self.flat = flat if self.flat is None else self.flat + flat
        self.images += len(output)
        self.samples += values.shape[1]


class Watch(TorchDispatchMode):
    """Statistics of every activation function, called as a module or not, and of every module's output."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.layers: dict[str, _Layer] = {}
        self.first_bad: tuple[str, int, int] | None = None  # module; how many numbers are none; of how many
        self.waves: dict[str, tuple[float, int]] = {}  # of transposed convolutions: summed share, images
        self._net = net
        self._path: list[tuple[str, bool]] = []
        self._names: Counter[str] = Counter()
        self._last: tuple[Tensor, _Layer] | None = None

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch would import its compiler (1 to 2 s) to keep it out of the method below

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        base = getattr(_aten, packet.__name__.removesuffix("_"), None)
        if isinstance(result, Tensor) and result.is_floating_point() and result.ndim > 1:
            is_rectifier = base in _RECTIFIERS and _starts_at_zero(func, args, kwargs or {})
            if is_rectifier or base in _SQUASHING:
                layer = self.layers.setdefault(self._name(packet.__name__.removesuffix("_")), _Layer(is_rectifier))
                layer.add(result.mul(2).sub(1) if base is _aten.sigmoid else result)
                self._last = result, layer
        return result

    def _name(self, operator: str) -> str:
        path, is_leaf = self._path[-1] if self._path else ("", False)
        name = path if is_leaf else ".".join(filter(None, [path, operator]))
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}_{self._names[name]}"

    def read(self, batch: Tensor) -> Tensor:
        """Run the net on a batch and look at all that it makes."""
        self._names.clear()
        with torch.no_grad(), self._hooked(), self:
            output = self._net(batch)
        output = next(leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
        if self._last is not None and self._last[0].data_ptr() == output.data_ptr():
            self._last[1].is_output = True  # a sure answer is no illness
        return output

    @contextmanager
    def _hooked(self) -> Generator[None]:
        handles = []
        for path, module in self._net.named_modules():
            is_leaf = path != "" and not any(module.children())

            def enter(_module: Any, _inputs: Any, entry: tuple[str, bool] = (path, is_leaf)) -> None:
                self._path.append(entry)

            def leave(module: nn.Module, _inputs: Any, output: Any, path: str = path) -> None:
                self._path.pop()
                for leaf in tree_leaves(output):
                    if isinstance(leaf, Tensor) and leaf.is_floating_point():
                        self._look(path, module, leaf)

            handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _look(self, path: str, module: nn.Module, output: Tensor) -> None:
        bad = ~torch.isfinite(output)
        if self.first_bad is None and bool(bad.any()):
            self.first_bad = path or "output", int(bad.sum()), output.numel()
        if isinstance(module, nn.ConvTranspose2d) and max(module.stride) > 1:
            share, count = self.waves.get(path, (0.0, 0))
            self.waves[path] = share + len(output) * wave_share(output, module.stride), count + len(output)


def _starts_at_zero(func: Any, args: Any, kwargs: Any) -> bool:
    """Say whether a rectifier gives 0 below 0, not another number."""
    if func.overloadpacket.__name__.removesuffix("_") == "relu":
        return True
    names = [argument.name for argument in func._schema.arguments]
    named = {**dict(zip(names, args, strict=False)), **kwargs}
    low = named.get("min_val", named.get("min", named.get("threshold", -1)))
    return isinstance(low, int | float) and low == 0 and named.get("value", 0) == 0


def wave_share(maps: Tensor, stride: tuple[int, ...]) -> float:
    """Measure the share of the variance of maps that repeats with a stride: their energy at multiples of 1 / stride."""
    rows, columns = (size - size % step for size, step in zip(maps.shape[2:], stride, strict=True))
    if not rows or not columns:
        return 0.0
    maps = maps[:, :, :rows, :columns].float()
    parts = maps.unflatten(3, (-1, stride[1])).unflatten(2, (-1, stride[0]))
    phases = parts.mean((2, 4))
    variance = maps.flatten(2).var(2, correction=0).sum()
    return float(phases.flatten(2).var(2, correction=0).sum() / variance) if variance > 0 else 0.0


def check_dead(layers: dict[str, _Layer]) -> Checked:
    """Find channels that are never above 0."""
    findings, units, asleep, unjudged = [], 0, 0, []
    for name, layer in layers.items():
        if layer.most is None:
            continue
        if layer.images < _LEAST_IMAGES or layer.samples < _LEAST_SAMPLES:
            unjudged.append(name)
            continue
        dead = (layer.most <= 0).nonzero().flatten().tolist()
        units, asleep = units + len(layer.most), asleep + len(dead)
        if len(dead) > _MANY * len(layer.most):
            findings.append(
                Finding(
                    "dead units",
                    name,
                    tuple(dead),
                    {
                        "channels never above 0": len(dead),
                        "of": len(layer.most),
                        "images": layer.images,
                        "limit": _MANY * len(layer.most),
                    },
                    "They are 0 for every image, and so is every gradient through them: at a place of such an image "
                    f"they fire with a chance of at most {3 / layer.samples:.2g} (with 95 % confidence), and they do "
                    "not learn from the others.",
                    "Train with a smaller learning rate or with batch normalisation; or cut them out, which changes "
                    "nothing.",
                )
            )
    said = f"Dead units: {asleep} of {units:,} channels behind a ReLU never above 0, limit {_MANY:.0%} of a layer."
    if unjudged:
        said += f" Not checked: {', '.join(unjudged)}, which takes {_LEAST_IMAGES} images, and {_LEAST_SAMPLES:,} "
        said += "of places times images."
    return findings, said


def check_saturated(layers: dict[str, _Layer]) -> Checked:
    """Find channels of tanh or sigmoid that lie where the function is flat."""
    findings, units, highest = [], 0, 0.0
    for name, layer in layers.items():
        if layer.flat is None or layer.is_output:
            continue
        share = layer.flat / layer.images
        units, highest = units + len(share), max(highest, float(share.max()))
        saturated = (share > _MOSTLY).nonzero().flatten().tolist()
        if saturated:
            findings.append(
                Finding(
                    "saturated units",
                    name,
                    tuple(saturated),
                    {"channels": len(saturated), "of": len(share), "highest share beyond 0.99": float(share.max())},
                    f"More than {_MOSTLY:.0%} of their values lie where the function is flat: hardly any gradient "
                    "passes, and they tell two cases apart at most.",
                    "Make what they read smaller: normalise it, or begin with smaller weights (Glorot and Bengio, "
                    "2010).",
                )
            )
    said = f"highest share beyond {_FLAT} is {highest:.1%} of a channel, limit {_MOSTLY:.0%}"
    return findings, f"Saturated units: {units:,} channels of tanh and sigmoid" + (f"; {said}." if units else ".")


def check_finite_values(first_bad: tuple[str, int, int] | None) -> Checked:
    """Name the first module whose output is not finite."""
    if first_bad is None:
        return [], "Activations: all finite."
    layer, bad, numbers = first_bad
    finding = Finding(
        "not finite",
        layer,
        (),
        {"numbers that are infinite or none": bad, "of": numbers},
        "It is the first layer whose output is not finite; what follows is not either.",
        "Look at its weights and at what it reads: a division by zero, the logarithm of 0, or too large a number "
        "for the type.",
    )
    return [finding], f"Activations: not finite from {layer} on."


def check_waves(waves: dict[str, tuple[float, int]], explained: Iterable[str]) -> Checked:
    """Find transposed convolutions whose output repeats with the stride.

    Args:
        waves: by layer, what was measured.
        explained: layers whose kernel is reported already.
    """
    shares = {name: share / count for name, (share, count) in waves.items()}
    findings = [
        Finding(
            "checkerboard",
            name,
            (),
            {"share of variance that repeats with the stride": share, "limit": _WAVY},
            "Its maps have energy at the frequency of its stride, which images hardly have.",
            "Upsample first and convolve with stride 1, or begin with bilinear weights.",
        )
        for name, share in shares.items()
        if share > _WAVY and name not in set(explained)
    ]
    highest = f"highest share of variance that repeats with a stride {max(shares.values(), default=0):.3f}"
    return findings, f"Chequered maps: {highest}, in {len(shares)} transposed convolutions, limit {_WAVY}."
