import numpy as np
import torch

from convlens.data._handwriting import write
from convlens.data._skeletons import skeleton_table

TABLE = skeleton_table()
EIGHT = int(TABLE.tickets[8][0])


def write_eights(count: int, *, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    variants, is_line = torch.full((count,), EIGHT), torch.zeros(count, dtype=torch.bool)
    return write(TABLE, variants, is_line=is_line, rng=np.random.default_rng(seed))


def test_the_larger_side_of_the_ink_fills_the_box_and_its_middle_is_the_boxs():
    way, radius = write_eights(100)
    low, high = (way - radius[..., None]).amin(1), (way + radius[..., None]).amax(1)
    torch.testing.assert_close((high - low).amax(1), torch.full((100,), 20.0))
    torch.testing.assert_close((high + low) / 2, torch.full((100, 2), 10.0))


def test_no_two_hands_are_the_same():
    way, radius = write_eights(100)
    assert len(way.round(decimals=2).unique(dim=0)) == 100
    assert len(radius.round(decimals=3).unique(dim=0)) == 100


def test_a_hand_follows_its_skeleton():
    way, _ = write_eights(500)
    model = TABLE.curves[EIGHT] @ TABLE.controls[EIGHT]
    mean = way.mean(0)
    for axis in (0, 1):
        together = torch.stack([mean[:, axis], model[:, axis]])
        assert torch.corrcoef(together)[0, 1] > 0.85


def test_digits_lean_to_the_right_on_average():
    way, _ = write_eights(500)
    row, column = (way - way.mean(1, keepdim=True)).unbind(2)
    lean = -(row * column).sum(1) / row.square().sum(1)
    assert 0.05 < lean.mean() < 0.3


def test_a_broad_pen_leaves_loops_open_but_may_fill_a_line():
    one = int(TABLE.tickets[1][0])
    variants = torch.full((500,), one)
    _, free = write(TABLE, variants, is_line=torch.ones(500, dtype=torch.bool), rng=np.random.default_rng(0))
    _, kept = write(TABLE, variants, is_line=torch.zeros(500, dtype=torch.bool), rng=np.random.default_rng(0))
    assert (kept <= free * (1 + 1e-3)).all()
    assert kept.mean() < 0.8 * free.mean()
