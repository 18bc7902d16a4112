"""convlens survey: what every channel of a net does over a data set."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def survey_command(
    source: str,
    data: str | None = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    layers: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    part: Literal["train", "val", "test"] = "test",
    top: int = 9,
    dead: Annotated[bool, Parameter(negative=())] = False,
    loves: str | None = None,
    nearest: str | None = None,
    picture: str | None = None,
) -> None:
    """Survey a net over a data set, killed and resumed as need be; or, of a survey's file alone, answer a question.

    Under torchrun each process takes its share. Layers are named as in the list that is printed.

    Args:
        source: a net ("lenet", a run folder, a net's .safetensors file); or, without data, a survey's file.
        data: "mnist", "digits", or a folder of images.
        output: the survey's file; by default the net's name with .survey. With --picture, the picture's file.
        layers: names of modules, or quoted patterns such as "layer4.*"; by default one a convolution or linear layer.
        part: of a data set that has parts.
        top: patches to keep for a channel.
        dead: list the channels whose numbers are all the same, as those of a ReLU that never opens.
        loves: a class; list the channels that answer most to it.
        nearest: LAYER:CHANNEL; list the channels of that layer that answer to the same classes.
        picture: a layer; write its top patches, a row a channel, to the file that --output names.
    """
    from convlens.architectures import open_net
    from convlens.errors import SurveyError
    from convlens.insight import open_survey, survey

    if data is not None:
        path = output or Path(f"{Path(source).stem}.survey")
        found = survey(open_net(source).net, data, file=path, layers=layers or None, part=part, top=top)
        others = f"This share is done. Other processes are at theirs: {path}"
        print(others if found is None else f"{found}\nWritten to {path}.")  # noqa: T201  # the command's answer
        return
    opened = open_survey(source)
    lines = []
    if dead:
        lines += map(str, opened.dead())
    if loves is not None:
        label = int(loves) if loves.isdigit() and loves not in opened.classes else loves
        lines += [f"{channel}: {love:+.2f} deviations" for channel, love in opened.loving(label)]
    if nearest is not None:
        layer, _, channel = nearest.rpartition(":")
        if not layer or not channel.isdigit():
            raise SurveyError(f"A channel is named LAYER:CHANNEL. Received nearest={nearest!r}. Try conv1:3.")
        lines += [f"{other}: correlation {how:.2f}" for other, how in opened.nearest(layer, int(channel))]
    if picture is not None:
        path = output or Path(f"{picture}.png")
        opened.save_picture(picture, path)
        lines.append(f"Written to {path}.")
    asked = dead or any(question is not None for question in (loves, nearest, picture))
    print("\n".join(lines) if asked else opened)  # noqa: T201  # the command's answer
