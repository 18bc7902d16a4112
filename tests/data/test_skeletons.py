import numpy as np
import torch

from convlens.data._skeletons import POINTS, read_skeleton, skeleton_table


def points(way: str) -> np.ndarray:
    skeleton = read_skeleton(way.split())
    return skeleton.curve @ skeleton.controls


def test_a_straight_way_has_evenly_spread_points():
    expected = np.stack([np.linspace(0, 1, POINTS), np.linspace(0.2, 0.8, POINTS)], axis=1)
    np.testing.assert_allclose(points("0,20 30,38 100,80"), expected, atol=1e-12)


def test_a_turn_is_sharp():
    row, column = points("0,0 0,100! 100,100").T
    assert np.all((np.abs(row) < 1e-12) | (np.abs(column - 1) < 1e-12))


def test_without_a_turn_the_way_is_round():
    row, column = points("0,0 0,100 100,100").T
    assert np.sum((np.abs(row) < 1e-3) | (np.abs(column - 1) < 1e-3)) < 10


def test_a_lifted_pen_leaves_no_ink():
    rows = points("0,0 0,100 | 100,0 100,100")[:, 0]
    np.testing.assert_allclose(rows, [0] * (POINTS // 2) + [1] * (POINTS // 2), atol=1e-12)


def test_the_way_lies_on_the_circle_through_which_it_is_told_to_pass():
    angles = np.linspace(0, 2 * np.pi, 17)
    way = " ".join(f"{50 + 40 * np.cos(a)},{50 + 40 * np.sin(a)}" for a in angles)
    distance = np.hypot(*(points(way) - 0.5).T)
    np.testing.assert_allclose(distance, 0.4, rtol=0.01)


def test_a_skeleton_moves_with_its_control_points():
    skeleton = read_skeleton(["10,20", "50,80!", "90,10", "|", "30,30", "40,90"])
    np.testing.assert_allclose(skeleton.curve.sum(1), 1)  # a mixture: whatever moves all controls moves all points


def test_the_pen_lands_and_lifts_at_the_ends_of_strokes():
    assert read_skeleton(["10,20", "50,80!", "90,10", "|", "30,30", "40,90"]).is_end.tolist() == [1, 0, 1, 1, 1]


def test_the_width_narrows_columns_alone():
    np.testing.assert_allclose(read_skeleton(["0,50", "100,100"], width=0.6).controls, [[0, 0.3], [1, 0.6]])


def test_every_variant_of_every_class_can_be_drawn():
    table = skeleton_table()
    assert len(table.tickets) == 10
    assert all(len(set(tickets.tolist())) >= 4 for tickets in table.tickets)
    drawn = torch.tensor([variant for tickets in table.tickets for variant in tickets])
    assert sorted(set(drawn.tolist())) == list(range(len(table.controls)))


def test_every_variant_is_about_one_unit_high_and_its_points_lie_closer_than_a_pixel():
    table = skeleton_table()
    points = table.curves @ table.controls
    height = points[..., 0].amax(1) - points[..., 0].amin(1)
    assert ((height > 0.85) & (height < 1.05)).all()
    steps = points.diff(dim=1).norm(dim=-1)
    assert steps.median(dim=1).values.max() * 20 < 0.9  # 20 pixels a height; lifts of the pen are far steps
