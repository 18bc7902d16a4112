from pathlib import Path

import pytest
import torch

from convlens.errors import RunError
from convlens.training._checkpoint import load_checkpoint, save_checkpoint


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.safetensors"
    tensors = {
        "weight": torch.arange(6, dtype=torch.float32).view(2, 3),
        "scalar": torch.tensor(0.5, dtype=torch.float64),
        "generator": torch.arange(9, dtype=torch.uint8),
    }
    save_checkpoint(path, tensors, step=41)
    return path


def test_what_is_kept_comes_back(path: Path) -> None:
    tensors, step = load_checkpoint(path)
    assert step == 41
    assert torch.equal(tensors["weight"], torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]))
    assert tensors["scalar"].item() == 0.5
    assert tensors["generator"].tolist() == list(range(9))


def test_tensors_that_share_memory_are_kept_twice(tmp_path: Path) -> None:
    tied = torch.ones(3)
    save_checkpoint(tmp_path / "tied", {"one": tied, "other": tied}, step=0)
    tensors, _ = load_checkpoint(tmp_path / "tied")
    assert tensors["one"].tolist() == tensors["other"].tolist() == [1, 1, 1]


def test_every_single_flipped_bit_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with pytest.raises(RunError, match=r"checkpoint.*Received path=.*[Tt]rain anew"):
            load_checkpoint(path)


def test_every_truncation_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(RunError, match=r"whole checkpoint.*Received path=.*Train anew"):
            load_checkpoint(path)


def test_a_missing_checkpoint_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"whole checkpoint.*Received path=.*nothing.*Train anew"):
        load_checkpoint(tmp_path / "nothing")
