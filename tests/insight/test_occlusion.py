import pytest
import torch
from torch import nn

from convlens import insight
from convlens.errors import InsightError


@pytest.mark.parametrize(("window", "stride"), [(3, 2), (4, 3), (1, 1)])
def test_occlusion_is_what_a_loop_over_squares_finds(window, stride):
    torch.manual_seed(6)
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 7 * 5, 3)).double()
    image = torch.randn(1, 2, 9, 7, dtype=torch.float64)
    total, count = torch.zeros(9, 7, dtype=torch.float64), torch.zeros(9, 7, dtype=torch.float64)
    row = 0
    while True:
        column = 0
        while True:
            covered = image.clone()
            covered[0, :, row : row + window, column : column + window] = 0.25
            total[row : row + window, column : column + window] += float((net(image) - net(covered)).detach()[0, 1])
            count[row : row + window, column : column + window] += 1
            if column + window >= 7:
                break
            column += stride
        if row + window >= 9:
            break
        row += stride
    found = insight.occlusion(net, image, target=1, window=window, stride=stride, fill=0.25, at_once=5)
    torch.testing.assert_close(found.values[0], total / count)


def test_a_square_that_does_not_fit_is_refused():
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    with pytest.raises(InsightError, match=r"fits into the image.*Received window=5, .*window=1 with a stride"):
        insight.occlusion(net, torch.randn(1, 1, 4, 4), window=5)
    with pytest.raises(InsightError, match=r"moves on by at most its side\. Received window=2, stride=3"):
        insight.occlusion(net, torch.randn(1, 1, 4, 4), window=2, stride=3)


def test_an_empty_map_says_that_no_square_changes_the_target():
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    nn.init.zeros_(net[1].weight)
    found = insight.occlusion(net, torch.randn(1, 1, 4, 4), window=2)
    assert found.reason == "no square of 2 x 2 pixels changes the target"
