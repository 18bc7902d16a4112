import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from jaxtyping import Float32
from safetensors.torch import load_file
from torch import Tensor, nn

from convlens.data import DataSet, Part, load
from convlens.errors import NetError, RunError
from convlens.training import RecipeOptions, Run, open_run, read_events, resume, train
from convlens.training._loop import Step
from convlens.training._recorder import Recorder


class Dropping(nn.Module):
    """A module of one's own, with everything that has a state of its own: running statistics and dropout."""

    image_shape = (1, 16, 16)

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            nn.Conv2d(1, 4, 5, stride=4), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten()
        )
        self.scores = nn.Linear(36, classes)

    def forward(self, images: Float32[Tensor, "batch 1 16 16"]) -> Float32[Tensor, "batch classes"]:
        return self.scores(self.maps(images))


def fresh_net() -> Dropping:
    torch.manual_seed(1)
    return Dropping()


def weights(run: Run) -> dict[str, Tensor]:
    return load_file(run.folder / "net.safetensors")


def same_bits(one: Run, other: Run) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def lenet_run(spots_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train("lenet", spots_folder, epochs=6, folder=tmp_path_factory.mktemp("runs") / "first", progress=False)


def test_a_trained_net_reads_the_test_part(lenet_run: Run) -> None:
    assert lenet_run.accuracy is not None
    assert lenet_run.accuracy > 0.95


def test_the_accuracy_is_that_of_the_kept_net_on_the_test_part(lenet_run: Run, spots_folder: Path) -> None:
    opened = open_run(lenet_run.folder)
    data = load(spots_folder)
    scores = opened.net(opened.card.preprocessing(data.test.images))
    right = (scores.argmax(1) == data.test.labels).float().mean().item()
    assert opened.accuracy == pytest.approx(right)


def test_the_folder_tells_the_whole_story(lenet_run: Run) -> None:
    config = json.loads((lenet_run.folder / "config.json").read_text())
    assert (config["net"], config["data"], config["seed"], config["recipe"]["epochs"]) == ("lenet", "spots", 0, 6)
    assert config["content"]["images"] == {"train": 1100, "val": 100, "test": 200}
    events = list(read_events(lenet_run.folder / "events.jsonl"))
    assert events[0]["event"] == "start"
    assert events[-1]["event"] == "end"
    assert events[-1]["accuracy"] == lenet_run.accuracy
    steps = [event["step"] for event in events if event["event"] == "step"]
    assert steps == sorted(set(steps))
    assert steps[-1] == events[0]["steps"] == 6 * (1100 // 128)
    assert sum(event["event"] == "evaluation" for event in events) == 9 + 2  # on the way; val and test at the end


def test_the_command_in_the_card_makes_the_same_net(lenet_run: Run, spots_folder: Path, tmp_path: Path) -> None:
    words = lenet_run.card.command.split()
    assert words[:3] == ["convlens", "train", str(spots_folder)]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    again = train(
        options["--net"],
        words[2],
        epochs=int(options["--epochs"]),
        seed=int(options["--seed"]),
        threads=int(options["--threads"]),
        folder=tmp_path / "again",
        progress=False,
    )
    assert same_bits(lenet_run, again)


def test_the_options_that_were_asked_for_stand_in_configuration_and_command(spots_folder: Path, tmp_path: Path) -> None:
    run = train(
        fresh_net(),
        spots_folder,
        epochs=1,
        folder=tmp_path / "run",
        progress=False,
        flip=True,
        shift=0.125,
        loss="hinge",
    )
    recipe = json.loads((run.folder / "config.json").read_text())["recipe"]
    assert (recipe["flip"], recipe["shift"], recipe["loss"]) == (True, 0.125, "hinge")
    assert run.card.command.endswith(" --flip --shift 0.125 --loss hinge")


class Margins(Dropping):
    """A net that asks for a loss."""

    loss = "hinge"


def test_a_net_is_trained_on_the_loss_that_it_asks_for_unless_another_is_chosen(
    spots_folder: Path, tmp_path: Path
) -> None:
    asked = train(Margins(), spots_folder, epochs=8, folder=tmp_path / "asked", progress=False)
    assert asked.config.recipe.loss == "hinge"
    assert asked.accuracy is not None
    assert asked.accuracy > 0.8
    chosen = train(Margins(), spots_folder, epochs=1, folder=tmp_path / "chosen", progress=False, loss="cross_entropy")
    assert chosen.config.recipe.loss == "cross_entropy"


class Heads(NamedTuple):
    logits: Tensor
    aux: Tensor | None


class WithHead(Dropping):
    """A net that gives an auxiliary head's scores, too, while it is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.aux = nn.Linear(36, 4)

    def forward(self, images: Tensor) -> Tensor | Heads:
        maps = self.maps(images)
        return Heads(self.scores(maps), self.aux(maps)) if self.training else self.scores(maps)


def test_auxiliary_heads_are_trained_with_the_net(spots_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = WithHead()
    before = net.aux.weight.detach().clone()
    run = train(net, spots_folder, epochs=8, folder=tmp_path / "run", progress=False)
    assert not torch.equal(net.aux.weight, before)
    assert run.accuracy is not None
    assert run.accuracy > 0.8


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_products_read_numbers_of_the_precision_that_was_asked_for(
    precision: str, spots_folder: Path, tmp_path: Path
) -> None:
    net, seen = fresh_net(), set()
    net.scores.register_forward_hook(lambda layer, inputs, scores: seen.add((layer.training, scores.dtype)))
    run = train(net, spots_folder, epochs=8, folder=tmp_path / "run", progress=False, precision=precision)
    assert seen == {(True, getattr(torch, precision)), (False, torch.float32)}
    assert {weight.dtype for weight in weights(run).values() if weight.is_floating_point()} == {torch.float32}
    assert run.accuracy is not None
    assert run.accuracy > 0.8


def test_another_seed_gives_another_net(lenet_run: Run, spots_folder: Path, tmp_path: Path) -> None:
    other = train("lenet", spots_folder, epochs=6, seed=1, folder=tmp_path / "other", progress=False)
    assert not same_bits(lenet_run, other)


def test_torch_is_left_as_it_was(spots_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    train("lenet", spots_folder, epochs=1, threads=threads + 1, folder=tmp_path / "run", progress=False)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


class Cut(Exception):
    """Stands for whatever ends a training early."""


def cut_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Let the next training keep a checkpoint after every step, and end it after so many."""
    record = Recorder.record

    def record_and_cut(self: Recorder, step: Step) -> None:
        record(self, step)
        self.keep()
        if self._state.step == steps:
            raise Cut

    monkeypatch.setattr(Recorder, "record", record_and_cut)


@pytest.mark.parametrize("steps", [1, 8, 23])  # in the first epoch, at its end (1100 // 128 = 8), in the third
def test_a_training_that_was_cut_off_ends_with_the_same_bits(
    steps: int, spots_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, options = load(spots_folder), RecipeOptions(flip=True, shift=1 / 8, loss="hinge", precision="bfloat16")
    straight = train(fresh_net(), data, epochs=4, folder=tmp_path / "straight", progress=False, **options)
    with monkeypatch.context() as patch:
        cut_after(patch, steps)
        with pytest.raises(Cut):
            train(fresh_net(), data, epochs=4, folder=tmp_path / "cut", progress=False, **options)
    resumed = resume(tmp_path / "cut", net=Dropping(), data=data, progress=False)
    assert same_bits(straight, resumed)
    assert (resumed.folder / "checkpoint.safetensors").read_bytes() == (
        straight.folder / "checkpoint.safetensors"
    ).read_bytes()


def test_a_run_that_came_to_its_end_is_opened(lenet_run: Run) -> None:
    before = (lenet_run.folder / "events.jsonl").read_bytes()
    again = resume(lenet_run.folder, progress=False)
    assert again.accuracy == lenet_run.accuracy
    assert (lenet_run.folder / "events.jsonl").read_bytes() == before


@pytest.fixture
def cut_folder(spots_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with monkeypatch.context() as patch:
        cut_after(patch, 2)
        with pytest.raises(Cut):
            train("lenet", spots_folder, epochs=2, folder=tmp_path / "cut", progress=False)
    return tmp_path / "cut"


def test_a_damaged_checkpoint_is_not_trained_on(cut_folder: Path) -> None:
    path = cut_folder / "checkpoint.safetensors"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(RunError, match=r"checksum .*Received path=.* the file is damaged\. Restore it from a copy"):
        resume(cut_folder, progress=False)


def test_other_data_is_not_trained_on(cut_folder: Path, spots_folder: Path) -> None:
    other = load(spots_folder, seed=1)
    with pytest.raises(RunError, match=r"data that it began with\. Received .*'seed': 0.*'seed': 1.*Restore it"):
        resume(cut_folder, data=other, progress=False)


def test_another_net_is_not_trained_on(cut_folder: Path) -> None:
    with pytest.raises(
        RunError, match=r"net that it began with\. Received a Dropping of .*Pass a net of the same layers"
    ):
        resume(cut_folder, net=fresh_net(), progress=False)


def test_a_ready_data_set_must_be_passed_again(
    spots_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        cut_after(patch, 2)
        with pytest.raises(Cut):
            train("lenet", load(spots_folder), folder=tmp_path / "cut", progress=False)
    with pytest.raises(RunError, match=r"given its data set 'spots' ready\. Received .*data=None\. Pass the same"):
        resume(tmp_path / "cut", progress=False)


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds config\.json.*Received folder=.*Name the folder"):
        open_run(tmp_path)


def test_a_folder_in_use_is_left_alone(lenet_run: Run, spots_folder: Path) -> None:
    with pytest.raises(RunError, match=r"folder of its own\. Received folder=.*checkpoint\.safetensors.*--resume"):
        train("lenet", spots_folder, folder=lenet_run.folder, progress=False)


def test_a_loss_that_is_not_finite_ends_the_training(spots_folder: Path, tmp_path: Path) -> None:
    net = fresh_net()
    with torch.no_grad():
        net.scores.weight.fill_(3e38)
    with pytest.raises(
        RunError, match=r"finite number\. Received loss=(nan|inf) in step 1 of .*learning_rate=.*normalise"
    ):
        train(net, spots_folder, epochs=1, folder=tmp_path / "run", progress=False)
    last = list(read_events(tmp_path / "run" / "events.jsonl"))[-1]
    assert last["event"] == "interrupted"
    assert "finite" in last["reason"]


def test_a_net_without_a_score_for_each_class_is_refused(spots_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        NetError, match=r"one score a class.*classes=4, scores=\(2, 3\)\. End the net with a layer of 4"
    ):
        train(Dropping(classes=3), spots_folder, folder=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


class GivesInTraining(nn.Module):
    """Gives plain scores in evaluation, and something else in training mode."""

    def __init__(self, change: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.scores, self.change = nn.Linear(784, 4), change

    def forward(self, images: torch.Tensor) -> object:
        scores = self.scores(images.flatten(1))
        return self.change(scores) if self.training else scores


@pytest.mark.parametrize(
    ("change", "given"),
    [
        (lambda scores: (scores, scores[:, :2]), r"\(\(2, 4\), \(2, 2\)\)"),
        (lambda scores: [scores], "list"),
        (lambda scores: {"scores": scores}, "dict"),
        (lambda scores: (None, scores), r"\('NoneType', \(2, 4\)\)"),
    ],
    ids=["features", "a list", "a dict", "no scores"],
)
def test_a_net_that_gives_something_else_in_training_mode_is_refused(change, given, spots_folder, tmp_path) -> None:
    with pytest.raises(NetError, match=rf"In training mode a net gives its scores.*given={given}\. Return nothing"):
        train(GivesInTraining(change), spots_folder, folder=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_net_without_parameters_is_refused(spots_folder: Path, tmp_path: Path) -> None:
    net = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    with pytest.raises(NetError, match=r"changes a net's parameters.*none that can change"):
        train(net, spots_folder, folder=tmp_path / "run", progress=False)


def test_the_look_at_a_net_before_its_training_leaves_it_as_it_was(spots_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Dropout(), nn.Linear(784, 3))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(NetError, match="one score a class"):
        train(net, spots_folder, folder=tmp_path / "run", progress=False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


TRY_OPTIONS = """
import convlens as cl
for options in ({"flip": "no"}, {"learning_rate": "0.1"}, {"shift": True}):
    try:
        cl.train("lenet", "digits", progress=False, **options)
    except cl.errors.RunError as error:
        print(error)
"""


def test_options_of_another_type_are_refused(tmp_path: Path) -> None:
    # in a process of its own, where no types are checked at run time
    command = [sys.executable, "-P", "-c", TRY_OPTIONS]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    said = finished.stdout.splitlines()
    assert [line.split("Received ")[1].split(".")[0] for line in said] == [
        "flip='no'",
        "learning_rate='0",
        "shift=True",
    ]


def test_a_net_that_cannot_read_the_images_is_refused(spots_folder: Path, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(9, 4))
    with pytest.raises(NetError, match=r"takes a batch of images.*images=\(2, 1, 28, 28\).*image_shape"):
        train(net, spots_folder, folder=tmp_path / "run", progress=False)


@pytest.mark.parametrize(("epochs", "seed", "threads"), [(0, 0, 1), (1, -1, 1), (1, 0, 0)])
def test_counts_below_their_least_are_refused(epochs: int, seed: int, threads: int, spots_folder: Path) -> None:
    with pytest.raises(RunError, match=rf"at least.*Received {epochs=}, {threads=}, {seed=}"):
        train("lenet", spots_folder, epochs=epochs, seed=seed, threads=threads, progress=False)


def test_a_data_set_with_an_empty_part_is_refused(spots_folder: Path) -> None:
    data = load(spots_folder)
    empty = Part(data.val.images[:0], data.val.labels[:0], names=[])
    less = DataSet(name="less", train=data.train, val=empty, test=data.test, classes=data.classes, source={})
    with pytest.raises(RunError, match=r"images in all three parts\. Received train=1100, val=0, test=200 in 'less'"):
        train("lenet", less, progress=False)


def test_a_net_of_ones_own_is_opened_with_a_module_of_its_layers(spots_folder: Path, tmp_path: Path) -> None:
    run = train(fresh_net(), spots_folder, epochs=1, folder=tmp_path / "run", progress=False)
    opened = open_run(run.folder, net=Dropping())
    images = torch.zeros(1, 1, 16, 16)
    assert torch.equal(opened.net(images), run.net(images))
    with pytest.raises(NetError, match="Received architecture='Dropping'"):
        open_run(run.folder)


def test_a_run_reads_image_files(lenet_run: Run, spots_folder: Path, tmp_path: Path) -> None:
    from PIL import Image

    example = load(spots_folder).test[0]
    Image.fromarray(example.image[0].numpy()).save(tmp_path / "spot.png")
    (prediction,) = lenet_run.predict(tmp_path / "*.png")
    assert prediction.class_name == str(example.label)


def test_a_run_says_what_it_is(lenet_run: Run) -> None:
    assert repr(lenet_run).startswith(f"Run({str(lenet_run.folder)!r}: lenet on spots, ")
