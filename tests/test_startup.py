import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "program",
    [
        "import convlens",
        "import convlens.cli; convlens.cli.app(['--help'])",
    ],
)
def test_importing_and_help_load_neither_torch_nor_numpy(program):
    loaded = "sorted({'torch', 'numpy'} & set(sys.modules))"
    check = f"import sys\ntry:\n    {program}\nexcept SystemExit:\n    pass\nprint({loaded})"
    finished = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == "[]"


def test_an_unknown_public_name_is_refused_with_the_known_ones():
    import convlens

    with pytest.raises(AttributeError, match=r"no attribute 'tracee'. It has: .*trace"):
        convlens.tracee  # noqa: B018


def test_an_error_of_convlens_ends_a_command_with_its_sentence_and_status_1(tmp_path):
    command = [sys.executable, "-m", "convlens", "predict", str(tmp_path / "nowhere"), "digit.png"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert finished.stderr.startswith("convlens: ")
    assert "Traceback" not in finished.stderr
