"""Record every operator call of one forward pass, whatever the model's Python does.

torch calls `__torch_dispatch__` for each aten operator. Hooks that are removed afterwards say which module is running.
Tensors are known by where they lie in memory (address, shape, stride), so that detached and aliased copies are
recognised; nothing recorded is freed before the pass ends, so that no address is used twice.
"""

from collections.abc import Container, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from convlens.errors import TraceError
from convlens.tracing._forms import Call, Form, Rearrangement, rename, sources, weight_keys
from convlens.tracing._input import describe_output, input_names
from convlens.tracing._memory import keep_freed_memory
from convlens.tracing._net import as_before, want_traceable, weights_of
from convlens.tracing._operators import OPERATORS, NoFormError

_Place = tuple[int, tuple[int, ...], tuple[int, ...], torch.dtype]


def _place(tensor: Tensor) -> _Place:
    return (tensor.data_ptr(), tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _tensors_in(values: Any) -> list[Tensor]:
    """List the tensors among the arguments or the results of an operator, which come alone and in flat lists."""
    found = []
    for value in values if isinstance(values, tuple | list) else ():
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += _tensors_in(value)
    return found


def _whole_storage(tensor: Tensor) -> Tensor:
    return tensor.as_strided((tensor.untyped_storage().nbytes() // tensor.element_size(),), (1,), 0)


aten = torch.ops.aten
# They read no numbers, only a shape and a type.
_SHAPED_LIKE = {
    aten.new_empty.default,
    aten.new_zeros.default,
    aten.new_ones.default,
    aten.new_full.default,
    aten.empty_like.default,
    aten.zeros_like.default,
    aten.ones_like.default,
    aten.full_like.default,
    aten.rand_like.default,
    aten.randn_like.default,
    aten.new_empty_strided.default,
}


@cache
def _defaults(operator: Any) -> dict[str, Any]:
    """List an operator's arguments in order, with what they are where a call leaves them out."""
    return {argument.name: argument.default_value for argument in operator._schema.arguments}


@dataclass
class _RecordedCall:
    operator: Any
    output: str  # a temporary key, "#3": names are known when the pass is over
    form: Form | None
    reason: str | None
    module: str
    visit: int  # counts entries into modules, so that two visits to one module can be told apart
    is_leaf: bool


class Recording(TorchDispatchMode):
    """The calls and tensors of one pass."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[_RecordedCall] = []
        self.tensors: dict[str, Tensor] = {}
        self._keys: dict[_Place, str | None] = {}  # None: computed from the input, but not recorded
        self._stored: dict[int, list[tuple[_Place, str]]] = {}  # in each storage: recorded places and their keys
        self._aside: dict[_Place, tuple[Any, int]] = {}  # second outputs: of which operator, and which of its outputs
        # What was written where, in order: for each storage that holds what depends on the input, views of it and keys.
        self._written: dict[int, list[tuple[Tensor, str]]] = {}
        self._kept: list[Tensor] = []
        self._modules: list[tuple[str, int, bool]] = [("", 0, False)]
        self._visits = 0
        self.operator: Any = None
        self.output = 0

    # What the table of operators asks (its `Reader`).

    def is_computed(self, tensor: Tensor) -> bool:
        place = _place(tensor)
        if place in self._keys:
            return not (self._keys[place] or "").startswith("weight/")
        return place in self._aside or _storage(tensor) in self._written

    def activation(self, tensor: Tensor) -> str:
        key = self.number(tensor)
        if key.startswith("weight/"):
            raise NoFormError("It reads only weights where a form reads an activation.")
        return key

    def number(self, tensor: Tensor) -> str:
        place = _place(tensor)
        key = self._keys.get(place)
        if key is None and place in self._aside and tensor.is_floating_point():
            key = self._record_aside(tensor)
        if key is None and self.is_computed(tensor):
            key = self._record_patchwork(tensor)
        return key or self.weight(tensor, "constant")

    def weight(self, tensor: Tensor, role: str) -> str:
        if self.is_computed(tensor):
            raise NoFormError("Its weights are computed from the input.")
        key = self._keys.get(_place(tensor))
        if key is None:
            key = _distinct(f"weight/{self._modules[-1][0] or 'net'}.{role}", self.tensors.keys())
            self.know(tensor, key)
        return key

    # What happens during the pass.

    def know(self, tensor: Tensor, key: str) -> None:
        """Remember a tensor under a key."""
        place = _place(tensor)
        self._keys[place] = key
        self._stored.setdefault(_storage(tensor), []).append((place, key))
        self._kept.append(tensor)
        self.tensors[key] = tensor

    def enter(self, module: str, *, is_leaf: bool) -> None:
        """Say that a module begins."""
        self._visits += 1
        self._modules.append((module, self._visits, is_leaf))

    def finish(self, output: Tensor) -> None:
        """Record what the net returns, where it was not made by the last call that wrote to it."""
        if self.is_computed(output):
            self._modules = self._modules[:1]
            with suppress(NoFormError):
                self.number(output)

    def leave(self) -> None:
        """Say that the innermost module has ended."""
        self._modules.pop()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # torch would import its compiler (1 to 2 s) to keep it out of the method below, which it never enters here.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        read = [tensor for tensor in _tensors_in((*args, *kwargs.values())) if self.is_computed(tensor)]
        depends = bool(read) and func not in _SHAPED_LIKE
        is_aside = depends and all(_place(leaf) in self._aside and not leaf.is_floating_point() for leaf in read)
        form, reason = None, None
        if func._schema.is_mutable:
            # The form is built while the keys of the old values are known.
            form, reason = self._describe(func, args, kwargs, args[0]) if depends else (None, None)
            self._save_before_change(func, args)
            if depends and _storage(args[0]) not in self._written:  # of a constant what is not overwritten stays
                key = self.weight(_whole_storage(args[0]).clone(), "constant")
                self._written[_storage(args[0])] = [(_whole_storage(args[0]), key)]
        result = func(*args, **kwargs)
        outputs = [result] if isinstance(result, Tensor) else _tensors_in(result)
        self._kept.extend(outputs)
        if not depends:
            return result
        if is_aside:  # what is done with indices makes no numbers
            self._aside.update({_place(output): (func, 0) for output in outputs})
            return result
        several = outputs if isinstance(result, list) else outputs[:1]  # a list holds parts of one tensor, each a call
        for number, output in enumerate(several):
            if not func._schema.is_mutable:
                if self._keys.get(_place(output)):  # what is known already, under another name
                    continue
                form, reason = self._describe(func, args, kwargs, output, number=number)
            self._append(func, output, form=form, reason=reason)
        others = enumerate(map(_place, outputs[len(several) :]), start=len(several))
        self._aside.update({place: (func, number) for number, place in others if place not in self._keys})
        return result

    def _append(self, func: Any, output: Tensor, *, form: Form | None, reason: str | None) -> str:
        module, visit, is_leaf = self._modules[-1]
        key = f"#{len(self.calls)}"
        self.calls.append(_RecordedCall(func, key, form, reason, module, visit, is_leaf))
        self.know(output, key)
        self._written.setdefault(_storage(output), []).append((output, key))
        return key

    def _record_aside(self, tensor: Tensor) -> str:
        """Record a second output when it is first read: most are for the backward pass, and read by nobody."""
        func, number = self._aside.pop(_place(tensor))
        return self._append(func, tensor, form=None, reason=f"Output {number} of {func} has no form yet.")

    def _record_patchwork(self, tensor: Tensor) -> str:
        """Record a view of numbers that were written under other names: each is the one that was written there last."""
        written = self._written.get(_storage(tensor), [])
        origin = _whole_storage(tensor).new_full((), -1, dtype=torch.int64).repeat(_whole_storage(tensor).numel())
        first, keys = 0, []
        for view, key in written:
            if view.dtype == tensor.dtype:
                places = torch.arange(first, first + view.numel(), device=tensor.device).view(view.shape)
                origin.as_strided(view.shape, view.stride(), view.storage_offset()).copy_(places)
                keys.append(key)
                first += view.numel()
        table = origin.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset()).clone()
        if not tensor.numel() or int(table.min()) < 0:
            raise NoFormError("It reads a tensor that is not recorded: indices, or numbers of another kind.")
        form = Rearrangement("gather", tuple(keys), table=self.weight(table, "places"))
        return self._append(aten.as_strided.default, tensor, form=form, reason=None)

    def _describe(
        self, func: Any, args: Any, kwargs: Any, output: Tensor, *, number: int = 0
    ) -> tuple[Form | None, str | None]:
        entry = OPERATORS.get(func)
        self.operator, self.output = func, number
        if entry is None:
            return None, f"The operator {func} has no form yet."
        if not output.is_floating_point() or any(map(Tensor.is_complex, _tensors_in((*args, *kwargs.values())))):
            return None, "Whole and complex numbers have no form: an explanation is of real numbers."
        named = {**_defaults(func), **dict(zip(_defaults(func), args, strict=False)), **kwargs}
        try:
            return entry(self, named, output), None
        except NoFormError as reason:
            return None, str(reason)

    def _save_before_change(self, func: Any, args: Any) -> None:
        """Copy recorded values that an in-place call is about to overwrite; where they lay is no longer recorded."""
        for argument, tensor in zip(func._schema.arguments, args, strict=False):
            if argument.alias_info is None or not argument.alias_info.is_write or not isinstance(tensor, Tensor):
                continue
            for place, key in self._stored.pop(_storage(tensor), []):
                # A weight that was changed is another weight, if it is read again.
                if key.startswith("weight/"):
                    self._keys.pop(place, None)
                else:
                    self._keys[place] = None
                self.tensors[key] = self.tensors[key].clone()


@contextmanager
def _watched(modules: Mapping[str, nn.Module], recording: Recording) -> Generator[None]:
    """Tell the recording which module runs."""
    handles = []
    for name, module in modules.items():
        path = ".".join(part for part in name.split(".") if part != "_orig_mod")  # torch.compile puts it there
        is_leaf = not any(module._modules.values())

        def enter(_module: Any, _arguments: Any, path: str = path, is_leaf: bool = is_leaf) -> None:
            recording.enter(path, is_leaf=is_leaf)

        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(lambda *_: recording.leave(), always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _in_small_steps() -> Generator[None]:
    """Have attention computed by operators that have forms, not by kernels that do all of it at once."""
    was_fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was_fast)


def record(
    net: nn.Module,
    inputs: Sequence[Any],
    *,
    named: Mapping[str, Any],
    training: bool,
    probabilities: bool,
) -> tuple[list[Call], dict[str, Tensor]]:
    """Run a net and describe every call.

    Args:
        net: any module.
        inputs: what it reads by position; of each tensor item of the batch first.
        named: what it reads by name.
        training: whether it runs as in training.
        probabilities: whether a softmax over the scores is recorded after the net.

    Returns:
        The calls in order, and the tensors of all keys.

    Raises:
        TraceError: the net or an input cannot be traced, or there are no scores to make probabilities of.
    """
    recording = Recording()
    keep_freed_memory()
    modules = dict(net.named_modules())  # to walk through a net takes as long as some of its layers
    weights = weights_of(modules)
    want_traceable(modules, weights=weights, inputs=[*inputs, *named.values()])
    for name, tensor in weights.items():
        recording.know(tensor.detach(), f"weight/{name}")
    # The caller may change an input afterwards, or the net may.
    inputs, named = tree_map_only(Tensor, lambda tensor: tensor.detach().clone(), (tuple(inputs), dict(named)))
    names = input_names(net, inputs, named)
    for name, tensor in names.items():
        recording.know(tensor, f"activation/{name}")
    with torch.no_grad(), as_before(net, modules.values(), training=training), _in_small_steps():
        with _watched(modules, recording), recording:
            scores = net(*inputs, **named)
            if probabilities:
                if not isinstance(scores, Tensor) or scores.dim() < 2:
                    raise TraceError(
                        "Probabilities are made of one tensor of scores: item, class. "
                        f"Received probabilities=True and a net that returns {describe_output(scores)}. "
                        "Trace it with probabilities=False."
                    )
                recording.enter("probabilities", is_leaf=True)
                torch.softmax(scores, 1)
        for output in tree_leaves(scores):
            if isinstance(output, Tensor):
                recording.finish(output)
        return _named(recording, set(names))


def _named(recording: Recording, names: set[str]) -> tuple[list[Call], dict[str, Tensor]]:
    """Name every call after its module, and give its output the key of that name."""
    keys = {}
    main = _main_calls(recording.calls)
    for position, call in enumerate(recording.calls):
        path = [call.module, "" if position in main and call.module else _operator_name(call.operator)]
        name = _distinct(".".join(filter(None, path)), names)
        names.add(name)
        keys[call.output] = f"activation/{name}"
    calls = [
        Call(
            name=keys[call.output].removeprefix("activation/"),
            module=call.module,
            operator=str(call.operator),
            output=keys[call.output],
            form=call.form and rename(call.form, lambda key: keys.get(key, key)),
            reason=call.reason,
        )
        for call in recording.calls
    ]
    read = {key for call in calls if call.form for key in [*sources(call.form), *weight_keys(call.form)]}
    tensors = {}
    for key, tensor in recording.tensors.items():
        if not key.startswith("weight/"):
            tensors[keys.get(key, key)] = tensor.detach()
        elif key in read:
            tensors[key] = tensor.clone()  # a trace is a record, and the net may go on training
    return calls, tensors


def _main_calls(calls: list[_RecordedCall]) -> set[int]:
    """Find the call that bears its module's name: of a visit to a leaf the last that computes, else the last."""
    main: dict[int, int] = {}
    for position, call in enumerate(calls):
        computes = not isinstance(call.form, Rearrangement)
        if call.is_leaf and (
            computes or call.visit not in main or isinstance(calls[main[call.visit]].form, Rearrangement)
        ):
            main[call.visit] = position
    return set(main.values())


def _operator_name(operator: Any) -> str:
    return operator.__name__.split(".")[0].strip("_")


def _distinct(name: str, names: Container[str]) -> str:
    """Append _2, _3 ... to a name that is taken."""
    candidate, count = name, 1
    while candidate in names:
        count += 1
        candidate = f"{name}_{count}"
    return candidate
