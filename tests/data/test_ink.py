import math

import pytest
import torch

from convlens.data._ink import centre_ink, draw_ink


def test_ink_falls_from_white_to_black_across_the_edge():
    way, radius, edge = torch.tensor([[[10.0, 10.0], [10.0, 12.5]]]), torch.full((1, 2), 3.0), torch.tensor([1.5])
    ink = draw_ink(way, radius, edge=edge, side=20)[0]
    for row in range(20):
        for column in range(20):
            distance = min(math.dist((row + 0.5, column + 0.5), centre) for centre in [(10, 10), (10, 12.5)])
            expected = 255 * min(1, max(0, (3 - distance) / 1.5 + 0.5))
            assert abs(ink[row, column].item() - expected) <= 0.51  # rounded to a whole number


def test_the_ink_of_a_disc_is_its_area():
    ink = draw_ink(torch.full((1, 1, 2), 10.0), torch.full((1, 1), 6.0), edge=torch.tensor([1.0]), side=20)
    assert ink.sum().item() / 255 == pytest.approx(math.pi * 6**2, rel=0.01)


def test_the_outline_lies_at_the_radius_of_each_disc():
    way = torch.tensor([[[10.0, 5.0], [10.0, 15.0]]])
    ink = draw_ink(way, torch.tensor([[2.0, 4.0]]), edge=torch.tensor([1.0]), side=20)[0]
    columns = (ink >= 128).any(0).nonzero().flatten().tolist()
    assert columns == [3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 17, 18]


def test_digits_drawn_together_are_as_if_drawn_alone():
    generator = torch.Generator().manual_seed(0)
    way, radius = 20 * torch.rand(120, 8, 2, generator=generator), 1 + torch.rand(120, 8, generator=generator)
    edge = torch.ones(120)
    together = draw_ink(way, radius, edge=edge, side=20)
    alone = [draw_ink(way[[i]], radius[[i]], edge=edge[[i]], side=20)[0] for i in range(120)]
    assert torch.equal(together, torch.stack(alone))


def test_ink_is_moved_by_whole_pixels_to_the_middle():
    ink = torch.zeros(1, 20, 20, dtype=torch.uint8)
    ink[0, 5:8, 8:13] = 200  # its middle pixel: row 6, column 10
    page = centre_ink(ink)
    expected = torch.zeros(1, 28, 28, dtype=torch.uint8)
    expected[0, 13:16, 12:17] = 200
    assert torch.equal(page, expected)


def test_ink_never_leaves_the_page():
    ink = torch.zeros(2, 20, 20, dtype=torch.uint8)
    ink[0, 0, 0], ink[1, 19, 19] = 255, 255
    page = centre_ink(ink)
    assert page[0, 8, 8] == 255
    assert page[1, 19, 19] == 255
    assert page.sum() == 2 * 255
