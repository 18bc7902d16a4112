"""What all tests share. It must not import convlens at its top: the hook below sees only what is imported after it."""

import os
import sys
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Every annotated shape and type of the package is checked while the tests run. The numeric tower of PEP 484 lets a
# whole number stand for a float, as type checkers do; beartype's default does not.
install_import_hook("convlens", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")


@pytest.fixture(autouse=True)
def the_same_random_numbers_each_time() -> None:
    """Seeds torch before every test, in whatever order and process the tests run."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """A folder with the four IDX files of MNIST; the test is skipped where there is none."""
    data = os.environ.get("CONVLENS_DATA")
    folders = [Path(data) / "mnist", Path(data)] if data else []
    for folder in folders:
        if any(folder.glob("train-images*idx3-ubyte*")):
            return folder
    pytest.skip("real MNIST is not at hand: set CONVLENS_DATA to a folder that holds it")
