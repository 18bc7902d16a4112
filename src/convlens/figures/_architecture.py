"""One network: its picture, and a chart with a row a layer."""

from typing import TYPE_CHECKING

from convlens.architectures import Description
from convlens.errors import NetError
from convlens.figures._canvas import INK, new_page, text_width
from convlens.figures._chart import Chart
from convlens.figures._flow import flow
from convlens.figures._layout import Scale, fitting_scale, needed_width
from convlens.figures._links import picture
from convlens.figures._profile import draw_profile, label_boxes
from convlens.figures._scale_bars import draw_legend, draw_scale_bars, legend_of, legend_width, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 16.0  # inches of the page, unless a very deep net needs more
MARGIN = 0.35
TALLEST = 1.8  # inches of the highest map
HEADING = 1.0
LEGEND = 5.0  # to the right of the scale bars


def draw_architecture(name: str, description: Description) -> "Figure":
    """Draw a net as boxes to scale, and below it every layer with its shape, parameters and multiply-adds.

    Args:
        name: of the net.
        description: what is counted.

    Returns:
        A figure of matplotlib.

    Raises:
        NetError: it has no layer that is drawn.
    """
    nodes = flow(description)
    if not nodes:
        raise NetError(
            "A picture shows convolutions, pools, normalisations and fully connected layers. "
            f"Received {description.name} with {len(description.layers)} other layers. Draw a net with one of these."
        )
    row = TALLEST / max(max(node.rows for node in nodes), 16)
    chart = Chart(nodes)
    summary = _summary(description)
    headings = max(text_width([name], size=17, weight="bold"), text_width([summary], size=9.5))
    length = needed_width([nodes], least=max(WIDTH - 2 * MARGIN, chart.width, headings))
    scale = Scale(min(fitting_scale([nodes], width=length, row=row), row), row)
    drawn = picture(nodes, scale)
    marks = legend_of(drawn)
    length = max(length, LEGEND + legend_width(marks))
    above, below = drawn.above + 0.25, drawn.below
    height = HEADING + above + below + 1.2 + chart.height + MARGIN
    figure, axes = new_page(length + 2 * MARGIN, height)
    axes.text(MARGIN, height - 0.45, name, size=17, weight="bold", color=INK)
    axes.text(MARGIN, height - 0.75, summary, size=9.5, color=INK)
    middle = height - HEADING - above
    draw_profile(axes, drawn, left=MARGIN, middle=middle)
    label_boxes(axes, drawn, left=MARGIN, middle=middle)
    draw_scale_bars(axes, scale, left=MARGIN, bottom=middle - below - 0.75)
    draw_legend(axes, marks, left=MARGIN + LEGEND, bottom=middle - below - 0.75)
    chart.draw(axes, [box.lane for box in drawn.boxes], left=MARGIN, top=middle - below - 1.35, width=length)
    return figure


def _summary(description: Description) -> str:
    field = description.receptive_field
    return "   ".join(
        [
            f"{description.parameters:,} parameters",
            f"{short(description.multiply_adds)} multiply-adds",
            f"{short(description.memory, 'B')} of activations",
            f"{description.depth} {'layer' if description.depth == 1 else 'layers'} with weights",
            f"receptive field {field if isinstance(field, str) else ' x '.join(map(str, field))}",
            f"for {description.batch} x {' x '.join(map(str, description.image_shape))}",
        ]
    )
