"""The nets and runs that one server shows."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from convlens.architectures import TrainedNet
from convlens.errors import WireError
from convlens.serve._messages import Hello, RunSummary
from convlens.serve._nets import LiveNet, Net
from convlens.serve._runs import RunFolder
from convlens.serve._samples import samples_of_run
from convlens.serve._wire import excerpt


@dataclass
class Workspace:
    """What the page can open, and what it shows first.

    Attributes:
        nets: by id.
        runs: by id. A run's net has the run's id and is there from its first checkpoint.
        start: the address of the page that is shown first.
        after_training: becomes `start` when a run has ended; None leaves it.
    """

    nets: dict[str, Net] = field(default_factory=dict)
    runs: dict[str, RunFolder] = field(default_factory=dict)
    start: str = ""
    after_training: str | None = None

    def hello(self) -> Hello:
        """Say what there is."""
        return Hello(
            nets=[net.summary() for net in self.nets.values()],
            runs=[RunSummary(id=run.id, title=run.title, net=run.id) for run in self.runs.values()],
            start=self.start,
        )

    def net(self, id: str) -> Net:
        """Find a net, or raise WireError."""
        if id not in self.nets:
            raise WireError(f"A net is one of hello's. Received net={excerpt(id)}. There are: {_listed(self.nets)}.")
        return self.nets[id]

    def run(self, id: str) -> RunFolder:
        """Find a run, or raise WireError."""
        if id not in self.runs:
            raise WireError(f"A run is one of hello's. Received run={excerpt(id)}. There are: {_listed(self.runs)}.")
        return self.runs[id]

    def refresh(self) -> None:
        """Take over what the runs have written since the last call.

        Raises:
            NetError: a net cannot be read. The others are taken over at the next call.
        """
        for run in self.runs.values():
            ended = run.ended()
            trained = run.newer_net()  # asked after: a run writes its last net before it says that it has ended
            if trained is not None:
                self._take_over(run, trained)
            if ended and self.after_training is not None:
                self.start = self.after_training

    def _take_over(self, run: RunFolder, trained: TrainedNet) -> None:
        held = self.nets.get(run.id)
        if isinstance(held, LiveNet):
            held.replace(trained)
        else:
            net = LiveNet(run.id, trained, title=run.title, samples=samples_of_run(run.folder, trained.card))
            self.nets = {**self.nets, run.id: net}  # a new table: another thread may be reading the old one


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none yet"
