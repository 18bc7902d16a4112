"""Train ConvNets, and see through any of them.

The public names, imported when they are first used: `import convlens` loads neither torch nor NumPy.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convlens import architectures as architectures
    from convlens import data as data
    from convlens import errors as errors
    from convlens import figures as figures
    from convlens import insight as insight
    from convlens.insight import open_survey as open_survey
    from convlens.insight import survey as survey
    from convlens.tracing import Explanation as Explanation
    from convlens.tracing import Trace as Trace
    from convlens.tracing import load_trace as load_trace
    from convlens.tracing import trace as trace
    from convlens.training import Run as Run
    from convlens.training import open_run as open_run
    from convlens.training import train as train

__version__ = "0.1.0"

# Public name: the module that has it. A module is named by itself.
_HOMES = {
    "architectures": "convlens.architectures",
    "data": "convlens.data",
    "errors": "convlens.errors",
    "figures": "convlens.figures",
    "insight": "convlens.insight",
    "open_survey": "convlens.insight",
    "survey": "convlens.insight",
    "Explanation": "convlens.tracing",
    "Trace": "convlens.tracing",
    "load_trace": "convlens.tracing",
    "trace": "convlens.tracing",
    "Run": "convlens.training",
    "open_run": "convlens.training",
    "train": "convlens.training",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'convlens' has no attribute {name!r}. It has: {', '.join(sorted(_HOMES))}.")
    module = importlib.import_module(home)
    return module if home == f"convlens.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
