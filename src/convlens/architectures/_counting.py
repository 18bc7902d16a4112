"""Count one forward pass, operator by operator, whatever the model's Python does.

torch calls `__torch_dispatch__` for each aten operator; hooks that are removed afterwards say which module is running.
A module without children is one layer; an operator that is called between modules is a layer of its own.
"""

import dataclasses
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from convlens.architectures._field_rules import field_after
from convlens.architectures._fields import Field, Map, OperatorCall, joined, tensors_in
from convlens.architectures._kinds import detail_of, kind_of, kind_of_module, most_telling
from convlens.geometry import Reach

_FORMULAS: dict[Any, Any] = {
    **flop_registry,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: flop_registry[
        torch.ops.aten._scaled_dot_product_flash_attention
    ],
}


@dataclass
class CountedLayer:
    """What one visit to a module, or one operator between modules, has done."""

    module: str
    operator: str
    kind: str
    is_module: bool
    detail: str = ""
    shape: tuple[int, ...] = ()
    field: Field | None = None
    parameters: int = 0
    multiply_adds: int = 0
    memory: int = 0  # bytes
    weights: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    reads: set[int] = dataclasses.field(default_factory=set)


@dataclass
class _Known:
    """What is known of a tensor: its field (None: it does not depend on the image), and where it comes from."""

    field: Field | None = None
    makers: frozenset[int] = frozenset()  # layers, by place
    depth: int = 0
    parameters: frozenset[str] = frozenset()  # of those that it is computed from without the image


class Counter(TorchDispatchMode):
    """The layers of one pass."""

    def __init__(self, parameters: Mapping[str, Tensor], image: Tensor) -> None:
        super().__init__()
        self.layers: list[CountedLayer] = []
        self.operators: dict[str, int] = {}  # multiply-adds by operator
        self.unread = {name: tensor.numel() for name, tensor in parameters.items()}
        self._shapes = {name: tuple(tensor.shape) for name, tensor in parameters.items()}
        self._known: dict[int, _Known] = {}
        self._on_storage: dict[int, list[Tensor]] = {}  # keeps all tensors, so that no id is used twice
        self._active: set[int] = {_storage(image)}  # storages with numbers that depend on the image
        self._modules: list[tuple[str, int | None]] = [("", None)]  # path; of a module without children its visit
        self._layer_of_visit: dict[int, int] = {}
        self._kinds: dict[int, str | None] = {}
        self._visits = 0
        for name, tensor in parameters.items():
            self._learn(tensor, _Known(parameters=frozenset([name])))
        axes = tuple(range(2, image.ndim))
        self._learn(image, _Known(field=Map(axes, tuple(Reach() for _ in axes))))

    def field(self, tensor: Any) -> Field | None:
        """Say what the units of a tensor read of the image."""
        known = self._known.get(id(tensor))
        return None if known is None else known.field

    def depth(self, tensor: Tensor) -> int:
        """Count the layers with weights on the longest path to a tensor."""
        return self._known.get(id(tensor), _Known()).depth

    def enter(self, path: str, module: nn.Module) -> None:
        """Say that a module begins."""
        self._visits += 1
        is_layer = path != "" and not any(module.children())
        self._modules.append((path, self._visits if is_layer else None))
        self._kinds[self._visits] = kind_of_module(module)

    def leave(self) -> None:
        """Say that the innermost module has ended."""
        self._modules.pop()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch would import its compiler (1 to 2 s) to keep it out of the method below

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten.native_batch_norm.default and args[0].is_meta and not args[5]:
            # In evaluation the shape stays. torch finds that out in Python, in half of the time of a whole pass.
            result = torch.empty_like(args[0]), args[0].new_empty(0), args[0].new_empty(0)
        else:
            result = func(*args, **kwargs)
        outputs = list(tensors_in((result,)))
        if outputs:
            self._count(func, args, kwargs, outputs)
        return result

    def _count(self, func: Any, args: Any, kwargs: Any, outputs: list[Tensor]) -> None:
        name = func._schema.name.split("::")[-1].removesuffix("_" if func._schema.is_mutable else "")
        name = {"copy": "copy_"}.get(name, name)
        known = [self._known[id(tensor)] for tensor in tensors_in((args, kwargs)) if id(tensor) in self._known]
        named = {
            argument.name: kwargs.get(argument.name, args[place] if place < len(args) else argument.default_value)
            for place, argument in enumerate(func._schema.arguments)
        }
        pointwise = torch.Tag.pointwise in func.tags
        makes_new = name.startswith("new_") or name.endswith("_like")
        call = OperatorCall(name, named, self.field, outputs[0], pointwise)
        read = [one.field for one in known if one.field is not None]
        found = None if makes_new or not read else field_after(call, read)
        parameters = frozenset[str]() if makes_new else frozenset().union(*(one.parameters for one in known))
        if found is None:
            for output in outputs:
                self._learn(output, _Known(parameters=parameters))
            return
        products = _multiply_adds(func, args, kwargs, outputs)
        weighted = products > 0 and len(read) < len(known)
        depth = max(one.depth for one in known if one.field is not None) + weighted
        makers = frozenset().union(*(one.makers for one in known))
        place = self._place(func, call, weighted=weighted)
        if place is not None:
            self._add(place, call, products=products, weighted=weighted, found=found)
            layer = self.layers[place]
            layer.reads |= makers - {place}
            layer.memory += self._new_bytes(outputs)
            for parameter in sorted(parameters):
                layer.parameters += self.unread.pop(parameter, 0)
                layer.weights[parameter] = self._shapes[parameter]
            makers = frozenset([place])
        for output in outputs:
            self._learn(output, _Known(found, makers, depth))
        if func._schema.is_mutable:
            self._mix(outputs[0], _Known(found, makers, depth))

    def _learn(self, tensor: Tensor, known: _Known) -> None:
        if id(tensor) not in self._known:
            self._on_storage.setdefault(_storage(tensor), []).append(tensor)
        self._known[id(tensor)] = known

    def _mix(self, written: Tensor, new: _Known) -> None:
        """Tell the other views of the same memory that numbers in it were replaced."""
        for tensor in self._on_storage.get(_storage(written), []):
            old = self._known[id(tensor)]
            if tensor is written:
                continue
            fields = [one.field for one in (old, new) if one.field is not None]
            self._known[id(tensor)] = _Known(joined(fields), old.makers | new.makers, max(old.depth, new.depth))

    def _place(self, func: Any, call: OperatorCall, *, weighted: bool) -> int | None:
        """Find the layer that an operator belongs to; a view between modules belongs to none."""
        path, visit = self._modules[-1]
        if visit in self._layer_of_visit:
            return self._layer_of_visit[visit]
        if visit is None and func.is_view:
            return None
        kind = self._kinds.get(visit) if visit is not None else None
        kind = kind or kind_of(call, weighted=weighted)
        operator = call.name.strip("_")
        self.layers.append(CountedLayer(path, operator, kind, is_module=visit is not None))
        if visit is not None:
            self._layer_of_visit[visit] = len(self.layers) - 1
        return len(self.layers) - 1

    def _add(self, place: int, call: OperatorCall, *, products: int, weighted: bool, found: Field) -> None:
        layer = self.layers[place]
        if self._kinds.get(self._modules[-1][1] or 0) is None:
            layer.kind = most_telling(layer.kind, kind_of(call, weighted=weighted))
        layer.detail = layer.detail or detail_of(call)
        layer.shape, layer.field = tuple(call.output.shape), found
        if products:
            layer.multiply_adds += products
            self.operators[call.name] = self.operators.get(call.name, 0) + products

    def _new_bytes(self, outputs: list[Tensor]) -> int:
        """Bytes of memory that holds numbers computed from the image for the first time."""
        count = 0
        for output in outputs:
            if _storage(output) not in self._active:
                self._active.add(_storage(output))
                count += output.untyped_storage().nbytes()
        return count


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _multiply_adds(func: Any, args: Any, kwargs: Any, outputs: list[Tensor]) -> int:
    """Half of what torch's own formulas count: a multiplication and an addition are one."""
    formula = _FORMULAS.get(func._overloadpacket)
    out = outputs[0] if len(outputs) == 1 else tuple(outputs)
    return 0 if formula is None else formula(*args, **kwargs, out_val=out) // 2


@contextmanager
def watched(net: nn.Module, counter: Counter) -> Generator[None]:
    """Tell the counter which module runs, put the net into evaluation mode, and leave it as it was."""
    training = [module for module in net.modules() if module.training]
    handles = []
    for path, module in net.named_modules():
        handles.append(module.register_forward_pre_hook(partial(_enter, counter, path)))
        handles.append(module.register_forward_hook(lambda *_: counter.leave(), always_call=True))
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module in training:
            module.training = True


def _enter(counter: Counter, path: str, module: nn.Module, _images: Any) -> None:
    counter.enter(path, module)
