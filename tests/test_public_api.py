"""The public names and signatures are those of the checked-in list.

Write the list anew when a change is meant: python tests/test_public_api.py
"""

import importlib
import inspect
import re
from pathlib import Path

LIST = Path(__file__).parent / "golden" / "public_api.txt"
MODULES = [
    "convlens",
    "convlens.architectures",
    "convlens.data",
    "convlens.errors",
    "convlens.figures",
    "convlens.geometry",
    "convlens.insight",
    "convlens.serve",
    "convlens.tracing",
    "convlens.training",
]


def public_names(module: object) -> list[str]:
    """Name what a module offers: its __all__, else what it defines or re-exports without an underscore."""
    offered = getattr(module, "__all__", None) or vars(module)
    return sorted(
        name
        for name in offered
        if not name.startswith("_") and (hasattr(module, "__all__") or not inspect.ismodule(getattr(module, name)))
    )


def describe(name: str, value: object) -> list[str]:
    """Write one name with its parameters; of a class its public methods, too."""
    if inspect.isclass(value):
        methods = [
            f"    {describe(method, function)[0]}"
            for method, function in sorted(vars(value).items())
            if not method.startswith("_") and callable(function)
        ]
        if issubclass(value, Exception):
            return [f"{name}({value.__base__.__name__})"]
        return [f"class {name}{parameters(value)}", *methods]
    return [f"{name}{parameters(value)}"] if callable(value) else [name]


def parameters(function: object) -> str:
    """Write the parameters with their defaults, without types."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        return "(...)"
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    written = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return re.sub(r"\w*Path\('.*?'\)", "<path>", written)  # a path is this machine's own


def public_api() -> str:
    """Write every public name, a line each."""
    lines = []
    for name in MODULES:
        module = importlib.import_module(name)
        lines.append(name)
        for public in public_names(module):
            lines += [f"    {line}" for line in describe(public, getattr(module, public))]
    return "\n".join(lines) + "\n"


def test_the_public_api_is_the_checked_in_list():
    assert public_api() == LIST.read_text()


if __name__ == "__main__":
    LIST.write_text(public_api())
