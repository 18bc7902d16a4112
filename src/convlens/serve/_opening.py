"""From what a user names to what the server shows."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from convlens.architectures import names, open_net
from convlens.errors import RunError
from convlens.serve._messages import wire_id
from convlens.serve._nets import LiveNet, RecordedNet
from convlens.serve._runs import RunFolder
from convlens.serve._samples import samples_for
from convlens.serve._workspace import Workspace
from convlens.tracing import load_trace

_TRACE = "convlens.trace"  # the key in a trace file's metadata


def open_workspace(source: str) -> Workspace:
    """Open a net, a run or a trace.

    Args:
        source: a shipped net's name, such as "lenet", which wins over a folder of that name; a run folder; the
            .safetensors file of a net or of a trace.

    Returns:
        What shows it: a run that has not ended in the training view, everything else in the network view.

    Raises:
        NetError: it is none of these, or a net that cannot be read.
        RunError: it is a folder without a run.
        TraceFileError: it is a trace file that cannot be read.
    """
    path = Path(source)
    if source not in names() and path.is_dir():
        return _open_run(path)
    if _is_trace(path):
        net = RecordedNet(wire_id(path.stem), load_trace(path), title=path.name)
    else:
        trained = open_net(source)
        net = LiveNet(wire_id(path.stem), trained, title=source, samples=samples_for(trained.card))
    return Workspace(nets={net.id: net}, start=f"#/network/{net.id}")


def watch_workspace(folder: Path) -> Workspace:
    """Show a run that is about to begin: its training, and its net when that has ended.

    Args:
        folder: need not exist yet.
    """
    run = RunFolder(folder)
    return Workspace(runs={run.id: run}, start=f"#/training/{run.id}", after_training=f"#/network/{run.id}")


def _open_run(folder: Path) -> Workspace:
    run = RunFolder(folder)
    if not run.exists():
        raise RunError(
            f"A run folder holds the events of a training. Received folder={str(folder)!r}, which holds none. "
            "Name a folder that `convlens train` wrote."
        )
    workspace = Workspace(runs={run.id: run}, start=f"#/training/{run.id}", after_training=f"#/network/{run.id}")
    workspace.refresh()  # a finished run: on to its net
    workspace.after_training = None  # a running one: let the reader go on watching
    return workspace


def _is_trace(path: Path) -> bool:
    try:
        with safe_open(path, "pt") as file:
            return _TRACE in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False
