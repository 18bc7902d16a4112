"""A pickle read as plain data: its opcodes are interpreted, nothing that it names is imported or called."""

import pickletools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from io import BytesIO
from typing import Any


class RefusedError(Exception):
    """Why a file is not read, as a sentence without its full stop."""


@dataclass(frozen=True)
class Name:
    """A class or function that a pickle names, such as "torch.FloatStorage": words, not the thing.

    Attributes:
        text: module and name, with a dot between.
    """

    text: str


class _Mark:
    """Where a list of arguments begins on the stack."""


_MARK = _Mark()
_ORDERED_DICT = "collections.OrderedDict"
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}
# Opcodes whose argument is the value itself. The text forms of protocol 0 are left out: PyTorch never wrote them.
_LITERALS = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINSTRING", "SHORT_BINSTRING"}
    | {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
)
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_plain_pickle(
    stream: BytesIO, *, names: Collection[str], call: Callable[[str, tuple], Any], persistent: Callable[[Any], Any]
) -> Any:
    """Read one pickle up to its end.

    Args:
        stream: stands at the pickle's first byte, afterwards behind its last.
        names: what the pickle may name, such as "torch.FloatStorage"; collections.OrderedDict is always known.
        call: given the name and the arguments of what the pickle would call, returns what stands for the result.
        persistent: given a persistent id, returns what stands for it.

    Returns:
        Dictionaries, lists, tuples, strings, numbers, `Name`s, and what `call` and `persistent` returned.

    Raises:
        RefusedError: the pickle is damaged, or asks for something else.
    """
    machine = _Machine(names, call=call, persistent=persistent)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            machine.do(opcode.name, argument)
    except RefusedError:
        raise
    # What a damaged pickle ends in: an empty stack, a missing memo, no length, a text that is none ... A Warning is
    # an exception where the user made it one.
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, Warning) as error:
        raise RefusedError(f"its pickle is damaged ({type(error).__name__})") from error
    if len(machine.stack) != 1 or machine.stack[0] is _MARK:
        raise RefusedError(f"its pickle ends with {len(machine.stack)} values instead of one")
    return machine.stack[0]


class _Machine:
    """The stack and the memo that the opcodes work on."""

    def __init__(
        self, names: Collection[str], *, call: Callable[[str, tuple], Any], persistent: Callable[[Any], Any]
    ) -> None:
        self.names, self.call, self.persistent = names, call, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def do(self, opcode: str, argument: Any) -> None:
        stack = self.stack
        if opcode in _LITERALS:
            stack.append(argument)
        elif opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode]())
        elif opcode in _TUPLES:
            self.push_tuple(_TUPLES[opcode])
        else:
            match opcode:
                case "PROTO" | "FRAME" | "STOP":
                    pass
                case "TUPLE":
                    stack.append(tuple(self.pop_to_mark()))
                case "BINPUT" | "LONG_BINPUT":
                    self.memo[argument] = self.top()
                case "MEMOIZE":
                    self.memo[len(self.memo)] = self.top()
                case "BINGET" | "LONG_BINGET":
                    stack.append(self.memo[argument])
                case "APPEND":
                    self.extend([self.pop()])
                case "APPENDS":
                    self.extend(self.pop_to_mark())
                case "SETITEM":
                    value, key = self.pop(), self.pop()
                    self.set_items([key, value])
                case "SETITEMS":
                    self.set_items(self.pop_to_mark())
                case "GLOBAL":
                    self.push_name(str(argument).replace(" ", "."))
                case "STACK_GLOBAL":
                    name, module = self.pop(), self.pop()
                    if not (isinstance(name, str) and isinstance(module, str)):
                        raise RefusedError("it names something by what is not a text")
                    self.push_name(f"{module}.{name}")
                case "BINPERSID":
                    stack.append(self.persistent(self.pop()))
                case "REDUCE":
                    arguments, function = self.pop(), self.pop()
                    stack.append(self.result(function, arguments))
                case "BUILD":  # attributes of a dictionary, such as the _metadata of a state dict: not needed
                    self.pop()
                    if not isinstance(self.top(), dict):
                        raise RefusedError(f"it sets attributes of a {_kind(self.top())}")
                case _:
                    raise RefusedError(f"its pickle has the opcode {opcode}, which no file of weights needs")

    def top(self) -> Any:
        if self.stack[-1] is _MARK:
            raise RefusedError("its pickle uses a value that is not there")
        return self.stack[-1]

    def pop(self) -> Any:
        value = self.top()
        self.stack.pop()
        return value

    def pop_to_mark(self) -> list[Any]:
        values = []
        while self.stack[-1] is not _MARK:
            values.append(self.stack.pop())
        self.stack.pop()
        return values[::-1]

    def push_tuple(self, length: int) -> None:
        values = [self.pop() for _ in range(length)]
        self.stack.append(tuple(values[::-1]))

    def push_name(self, text: str) -> None:
        if text != _ORDERED_DICT and text not in self.names:
            raise RefusedError(f"it asks for {text[:200]!r}, which no file of weights needs")
        self.stack.append(Name(text))

    def extend(self, values: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, list):
            raise RefusedError(f"it appends to a {_kind(target)}")
        target.extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, dict):
            raise RefusedError(f"it sets items of a {_kind(target)}")
        if len(values) % 2:
            raise RefusedError("its pickle has a key without a value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Nothing nested: the hash of a tuple of tuples of ... may take for ever.
            if not isinstance(key, str | int):
                raise RefusedError(f"it has a {_kind(key)} as a key")
            target[key] = value

    def result(self, function: Any, arguments: Any) -> Any:
        if not (isinstance(function, Name) and isinstance(arguments, tuple)):
            raise RefusedError(f"it calls a {_kind(function)}")
        if function.text != _ORDERED_DICT:
            return self.call(function.text, arguments)
        made: dict[Any, Any] = {}
        if arguments:  # a list of pairs, as Python 2 wrote it
            self.stack.append(made)
            (pairs,) = arguments
            self.set_items([part for key, value in pairs for part in (key, value)])
            self.stack.pop()
        return made


def _kind(value: Any) -> str:
    """Name the type alone: a value may be its own part, and its text endless."""
    return repr(value.text[:200]) if isinstance(value, Name) else type(value).__name__
