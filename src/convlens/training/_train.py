"""Train a net, and go on with a training that was cut off."""

import copy
import os
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Unpack

import torch
from torch import nn

from convlens.architectures import TrainedNet, WrittenNet, build, open_net, title_of
from convlens.architectures._catalogue import rebuild
from convlens.data import DataSet, load
from convlens.errors import NetError, RunError
from convlens.training._batches import Batches
from convlens.training._config import Config, content_of, read_config, write_config
from convlens.training._events import CTRL_C, EventLog, read_events
from convlens.training._interrupt import gentle_interrupt
from convlens.training._loop import take_steps
from convlens.training._preprocessing import choose_preprocessing
from convlens.training._progress import Progress
from convlens.training._recipe import Recipe, RecipeOptions
from convlens.training._recorder import Recorder
from convlens.training._run import CHECKPOINT, CONFIG, EVENTS, Run, open_run
from convlens.training._state import State
from convlens.training._transfer import transfer


def train(
    net: str | nn.Module,
    data: str | os.PathLike[str] | DataSet,
    *,
    epochs: int | None = None,
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    start: str | os.PathLike[str] | None = None,
    progress: bool = True,
    **options: Unpack[RecipeOptions],
) -> Run:
    """Train a net to classify images, and keep everything about it in a run folder.

    On one machine, the same net, data, seed and count of threads give the same bits, also if the training is cut
    off and resumed.

    Args:
        net: a name in the catalogue ("lenet"); a text that describes a net, or its .yaml file; or a module that gives
            one score a class, which is trained in place. Its attribute `image_shape` says what it reads: channels,
            rows, columns; without one, the images as they are. Its attribute `loss` names its loss; without one, it is
            cross-entropy. In training mode it may give a tuple: the scores, and those of its auxiliary heads, whose
            losses count 0.3 each.
        data: a data set, or what `data.load` takes: "mnist", "digits", a folder.
        epochs: how often each training image is shown; by default 1, or as many as a small data set needs.
        seed: decides the first weights of a net from the catalogue and the order of the images, 0 or more.
        folder: the run folder, which is empty or does not exist; by default runs/DATA-NET-DATE-TIME.
        threads: how many torch uses within an operator; by default as many as it uses now.
        start: a trained net of the same layers to begin with, as `open_net` takes it: a run folder, a file, "resnet50"
            for its published weights. Its preprocessing is kept, and the scores of classes that it knows by name.
        progress: show a bar on standard error, or lines where that is no terminal.
        options: of the recipe: learning_rate, shift, flip, loss, precision, as `Recipe` describes them.

    Returns:
        The run, with the trained net.

    Raises:
        RunError: an option is outside its range, the folder is in use, a part of the data is empty, or the loss is no
            longer finite.
        NetError: the net is unknown, or does not give one score a class.
        DataError: the data cannot be loaded.
        KeyboardInterrupt: Ctrl-C was pressed; the state is kept, and `resume` goes on from it.
    """
    if not 0 <= seed < 2**63 or (epochs is not None and epochs < 1) or (threads is not None and threads < 1):
        raise RunError(
            "Epochs and threads are at least 1, a seed is at least 0 and below 2**63. "
            f"Received {epochs=}, {threads=}, {seed=}."
        )
    data_set = data if isinstance(data, DataSet) else load(data)
    if not (len(data_set.train) and len(data_set.val) and len(data_set.test)):
        raise RunError(
            f"A training needs images in all three parts. Received train={len(data_set.train)}, "
            f"val={len(data_set.val)}, test={len(data_set.test)} in {data_set.name!r}. Add images."
        )
    with _torch_settings(threads):
        torch.default_generator.manual_seed(seed)  # alone: other devices' generators would not be restored
        module = build(net, classes=len(data_set.classes)) if isinstance(net, str) else net
        trained = None if start is None else open_net(start)
        if trained is not None:
            transfer(module, trained, classes=data_set.classes)
        recipe = Recipe.for_images(len(data_set.train), epochs=epochs, **_with_loss_of(module, options))
        config = Config.now(
            net=_what_builds(module, net),
            data=data_set,
            load=None if isinstance(data, DataSet) else _reload(data, data_set),
            preprocessing=trained.card.preprocessing if trained else choose_preprocessing(data_set, module),
            recipe=recipe,
            options=options if start is None else {**options, "start": _found_from_anywhere(start)},
            seed=seed,
        )
        _check_scores(module, data_set, config)
        folder = _new_folder(folder, config)
        state = State(module, config.recipe)
        state.save(folder / CHECKPOINT)  # before the configuration: a folder that has one can be resumed
        write_config(folder / CONFIG, config)
        return _train(state, folder, data=data_set, config=config, progress=progress)


def resume(
    folder: str | os.PathLike[str],
    *,
    net: nn.Module | None = None,
    data: DataSet | None = None,
    progress: bool = True,
) -> Run:
    """Go on with a training that was cut off, to the same weights that it would have had otherwise.

    Args:
        folder: the run folder.
        net: a module of the same layers, where the training did not begin with a name from the catalogue.
        data: the same data set, where the training did not load it by itself.
        progress: show a bar on standard error, or lines where that is no terminal.

    Returns:
        The run, with the trained net; if the training had come to its end, that run.

    Raises:
        RunError: the folder is no run, its checkpoint is damaged, or the data changed since.
        NetError: the net is not in the catalogue, and none was passed.
        KeyboardInterrupt: Ctrl-C was pressed; the state is kept.
    """
    folder = Path(folder)
    config = read_config(folder / CONFIG)
    if any(event["event"] == "end" for event in read_events(folder / EVENTS)):
        return open_run(folder, net=net)
    if data is None:
        if config.load is None:
            raise RunError(
                f"This run was given its data set {config.data!r} ready. Received folder={str(folder)!r}, data=None. "
                "Pass the same data set."
            )
        data = load(config.load)
    if content_of(data) != config.content:
        raise RunError(
            f"A training goes on with the data that it began with. Received folder={str(folder)!r}, whose data "
            f"{config.data!r} was {config.content} and now is {content_of(data)}. Restore it, or train anew."
        )
    shape = config.preprocessing.image_shape
    with _torch_settings(config.threads):
        state = State(net or rebuild(config.net, classes=len(config.classes), image_shape=shape), config.recipe)
        state.load(folder / CHECKPOINT)
        return _train(state, folder, data=data, config=config, progress=progress)


def _train(state: State, folder: Path, *, data: DataSet, config: Config, progress: bool) -> Run:
    """Take the steps that are left."""
    recipe, steps = config.recipe, config.recipe.steps(len(data.train))
    batches = Batches(data.train, config.preprocessing, recipe=recipe, seed=config.seed)
    began, begun = time.perf_counter(), (folder / EVENTS).exists()
    with Progress(folder, shown=progress) as show, closing(EventLog(folder / EVENTS, listener=show)) as events:
        recorder = Recorder(folder, events, state=state, data=data, config=config)
        about = {
            "net": title_of(config.net),
            "data": config.data,
            "images": len(data.train),
            "steps": steps,
            "epochs": recipe.epochs,
        }
        events.write("resume" if begun else "start", step=state.step, **about)
        recorder.keep()
        try:
            with gentle_interrupt() as interrupted:
                for step in take_steps(state, batches, recipe=recipe, steps=steps):
                    recorder.record(step)
                    if interrupted():
                        recorder.keep()
                        raise KeyboardInterrupt
            recorder.finish(seconds=time.perf_counter() - began)
        except (KeyboardInterrupt, RunError) as error:
            events.write("interrupted", step=state.step, reason=str(error) if isinstance(error, RunError) else CTRL_C)
            raise
    return Run(folder, config=config, trained=TrainedNet(state.net.eval(), recorder.card))


@contextmanager
def _torch_settings(threads: int | None) -> Generator[None]:
    """Give torch its threads for a while, and leave them and its random generator as they were found."""
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _with_loss_of(net: nn.Module, options: RecipeOptions) -> RecipeOptions:
    """Add the loss that a net asks for, unless the caller chose one. A submodule may be called loss, too."""
    own = getattr(net, "loss", None)
    return {"loss": own, **options} if isinstance(own, str) else options


def _what_builds(module: nn.Module, net: str | nn.Module) -> str:
    """Say what `build` builds the net from: its text or name; of any other module, the class."""
    if isinstance(module, WrittenNet):
        return module.text
    return net if isinstance(net, str) else type(net).__name__


def _found_from_anywhere(start: str | os.PathLike[str]) -> str:
    """Say what opens the same net from any current folder: a name, or an absolute path."""
    return str(Path(start).resolve()) if Path(start).exists() else str(start)


def _reload(source: str | os.PathLike[str], data: DataSet) -> str:
    """Say what loads the data again, from any current folder: a name, or a folder's absolute path."""
    path = str(Path(source).resolve())
    return path if data.source.get("load") == path else str(source)


def _check_scores(net: nn.Module, data: DataSet, config: Config) -> None:
    """See whether the net takes the images and gives one score a class, before any time is spent."""
    classes = len(data.classes)
    images = config.preprocessing(data.train.images[:1].expand(2, -1, -1, -1))
    received = f"Received net={title_of(config.net)}, images={tuple(images.shape)}, {classes=}"
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise NetError(f"A training changes a net's parameters. {received}, none that can change. Add a layer.")
    copied = copy.deepcopy(net)  # whose running statistics may move
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            scores = copied.eval()(images)
            with torch.autocast("cpu", torch.bfloat16, enabled=config.recipe.precision == "bfloat16"):
                trained = copied.train()(images)
    except RuntimeError as error:
        raise NetError(
            f"A net takes a batch of images: batch, channel, row, column. {received}: {error}. Give the module an "
            "attribute image_shape (channels, rows, columns), to which images are brought."
        ) from error
    if not _is_scores(scores, classes):
        raise NetError(
            f"A classifier gives one score a class: batch, class. {received}, scores={_shape_of(scores)}. "
            f"End the net with a layer of {classes} outputs."
        )
    main, *auxiliary = trained if isinstance(trained, tuple) else (trained,)
    if not _is_scores(main, classes) or not all(each is None or _is_scores(each, classes) for each in auxiliary):
        raise NetError(
            "In training mode a net gives its scores, or a tuple of them and of those of its auxiliary heads: batch, "
            f"class. {received}, given={_shape_of(trained)}. Return nothing else."
        )


def _is_scores(scores: object, classes: int) -> bool:
    return isinstance(scores, torch.Tensor) and scores.shape == (2, classes)


def _shape_of(scores: object) -> object:
    """Describe what a net gave, for an error."""
    if isinstance(scores, tuple):
        return tuple(_shape_of(each) for each in scores)
    return tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__


def _new_folder(folder: str | os.PathLike[str] | None, config: Config) -> Path:
    """Make the run folder, or take an empty one."""
    path = Path(folder or Path("runs") / f"{config.data}-{title_of(config.net)}-{datetime.now():%Y%m%d-%H%M%S}")
    try:
        path.mkdir(parents=True, exist_ok=True)
        content = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        raise RunError(
            f"A run folder can be made and written. Received folder={str(path)!r}: {error}. Name another."
        ) from error
    if content:
        raise RunError(
            f"A training begins in a folder of its own. Received folder={str(path)!r} with {', '.join(content[:5])}. "
            "Name another, or resume the training there: convlens train --resume FOLDER."
        )
    return path
