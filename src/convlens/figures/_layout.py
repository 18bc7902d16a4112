"""Where the boxes of a net stand, in inches, from left to right as its numbers flow."""

from collections.abc import Sequence
from dataclasses import dataclass

from convlens.figures._flow import STRIP, Node

GAP = 0.035  # inches between a box and the next
STRIP_WIDTH = 0.014  # inches: a normalisation makes no maps of its own
MERGE_WIDTH = 0.0
TINY = 1e-6  # inches: sums of lengths are rounded
LANE_GAP = 0.035  # inches between branches


@dataclass(frozen=True)
class Scale:
    """Inches a channel, along, and inches a row, upwards."""

    channel: float
    row: float


@dataclass(frozen=True)
class Box:
    """Where a node stands.

    Attributes:
        node: what stands there.
        left: inches from the net's beginning.
        width: in inches.
        middle: inches above the net's middle line.
        height: in inches.
        lane: branches beside each other have different ones, counted from 0.
    """

    node: Node
    left: float
    width: float
    middle: float
    height: float
    lane: int

    @property
    def right(self) -> float:
        """Inches from the net's beginning to the box's end."""
        return self.left + self.width

    @property
    def centre(self) -> float:
        """Inches from the net's beginning to the box's middle."""
        return self.left + self.width / 2

    @property
    def top(self) -> float:
        """Inches from the net's middle line to the box's upper edge."""
        return self.middle + self.height / 2

    @property
    def bottom(self) -> float:
        """Inches from the net's middle line to the box's lower edge."""
        return self.middle - self.height / 2


def lay_out(nodes: Sequence[Node], scale: Scale) -> list[Box]:
    """Place each node right of all that it reads, and branches below each other.

    Args:
        nodes: in the order of their calls.
        scale: of channels and rows.

    Returns:
        A box a node.
    """
    places: list[tuple[float, float, int]] = []  # left, width, lane
    orders, ends, since = _orders(nodes), _ends(nodes), 0
    for place, node in enumerate(nodes):
        left = max((places[read][0] + places[read][1] for read in node.reads), default=0.0)
        left += 0.0 if node.layer.kind == STRIP or not node.reads else GAP
        width = _width(node, scale)
        beside = [(other, places[other]) for other in range(since, place)]
        places.append((left, width, _lane(nodes, places, beside, first=orders[place], left=left, right=left + width)))
        since = place + 1 if place in ends else since
    middles = _middles(nodes, places, scale, ends=ends)
    return [
        Box(node, left, width, middle, node.rows * scale.row, lane)
        for node, (left, width, lane), middle in zip(nodes, places, middles, strict=True)
    ]


def needed_width(several: Sequence[Sequence[Node]], *, least: float) -> float:
    """Say how wide a drawing must be for its boxes to take at least half of it, and gaps the rest.

    Args:
        several: the nodes of each net.
        least: inches that it has at any rate.

    Returns:
        Inches.
    """
    boxes = [lay_out(nodes, Scale(0.0, 0.0)) for nodes in several]
    return max(least, 2 * max(box.right for net in boxes for box in net))


def fitting_scale(several: Sequence[Sequence[Node]], *, width: float, row: float) -> float:
    """Find the inches a channel at which the longest net is as long as the page is wide.

    Args:
        several: the nodes of each net.
        width: of the page, in inches.
        row: inches a row.

    Returns:
        Inches a channel, for all nets alike.
    """
    low, high = 0.0, width / max(node.channels for nodes in several for node in nodes)
    for _ in range(24):
        middle = (low + high) / 2
        boxes = [lay_out(nodes, Scale(middle, row)) for nodes in several]
        low, high = (low, middle) if max(box.right for net in boxes for box in net) > width else (middle, high)
    return low


def _width(node: Node, scale: Scale) -> float:
    if node.layer.kind == STRIP:
        return STRIP_WIDTH
    return MERGE_WIDTH if node.is_merge else node.channels * scale.channel


def _lane(
    nodes: Sequence[Node],
    places: Sequence[tuple[float, float, int]],
    beside: Sequence[tuple[int, tuple[float, float, int]]],
    *,
    first: int,
    left: float,
    right: float,
) -> int:
    """Begin in the lane of what is read, or as many below it as branches come before; go on to a free one."""
    node = nodes[len(places)]
    lane = min((places[read][2] for read in node.reads), default=0)
    if node.is_merge:
        return lane
    taken = {
        other_lane
        for other, (other_left, width, other_lane) in beside
        if other_left < right - TINY and other_left + width > left - GAP + TINY and other not in node.reads
    }
    lane += first
    while lane in taken:
        lane += 1
    return lane


def _ends(nodes: Sequence[Node]) -> set[int]:
    """Find the merges at which all branches have come together: nothing later reads what is before them."""
    last_reader = list(range(len(nodes)))
    for place, node in enumerate(nodes):
        for read in node.reads:
            last_reader[read] = place
    ends, furthest = set(), 0
    for place, node in enumerate(nodes):
        if node.is_merge and furthest <= place:
            ends.add(place)
        furthest = max(furthest, last_reader[place])
    return ends


def _orders(nodes: Sequence[Node]) -> list[int]:
    """Count the branches before each node that read the same: the longer of two first, more in the order of calls."""
    readers: list[list[int]] = [[] for _ in nodes]
    for place, node in enumerate(nodes):
        if len(node.reads) == 1 and not node.is_merge:
            readers[node.reads[0]].append(place)
    length = [1] * len(nodes)
    for place in reversed(range(len(nodes))):
        length[place] += max((length[reader] for reader in readers[place]), default=0)
    orders = [0] * len(nodes)
    for branches in readers:
        if len(branches) == 2:
            branches.sort(key=lambda branch: -length[branch])
        for order, branch in enumerate(branches):
            orders[branch] = order
    return orders


def _middles(
    nodes: Sequence[Node], places: Sequence[tuple[float, float, int]], scale: Scale, *, ends: set[int]
) -> list[float]:
    """Centre what stands alone; of branches centre the whole pile, of a main path and one shortcut the main path."""
    middles = [0.0] * len(nodes)
    section: list[int] = []
    for place in range(len(nodes)):
        section.append(place)
        if place not in ends and place < len(nodes) - 1:
            continue
        side = [one for one in section if places[one][2] > 0]
        if side:
            begin = min(places[one][0] for one in side)
            members = [one for one in section if places[one][0] >= begin - TINY and one not in ends]
            for one, middle in _pile(nodes, places, members, scale).items():
                middles[one] = middle
        section = []
    return middles


def _pile(
    nodes: Sequence[Node], places: Sequence[tuple[float, float, int]], members: Sequence[int], scale: Scale
) -> dict[int, float]:
    lanes = sorted({places[one][2] for one in members})
    heights = {lane: max(nodes[one].rows for one in members if places[one][2] == lane) * scale.row for lane in lanes}
    total = sum(heights.values()) + LANE_GAP * (len(lanes) - 1)
    upper = total / 2 if len(lanes) > 2 else heights[lanes[0]] / 2
    middle_of = {}
    for lane in lanes:
        middle_of[lane] = upper - heights[lane] / 2
        upper -= heights[lane] + LANE_GAP
    return {one: middle_of[places[one][2]] for one in members}
