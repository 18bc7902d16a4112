import subprocess
import sys
from pathlib import Path

import pytest

from convlens.files import made_whole

COUNT_UP = """
import sys, time
from pathlib import Path
from convlens.files import locked, write_whole
path = Path(sys.argv[1])
for _ in range(50):
    with locked(path):
        count = int(path.read_text()) if path.exists() else 0
        time.sleep(0.001)
        write_whole(path, str(count + 1).encode())
"""


def test_processes_that_lock_a_file_do_not_undo_each_others_work(tmp_path):
    path = tmp_path / "folder" / "count"
    processes = [subprocess.Popen([sys.executable, "-c", COUNT_UP, path]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert path.read_text() == "150"


def test_a_file_that_fails_half_way_leaves_the_old_one_and_no_other(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(OSError, match="No space"), made_whole(path) as temporary:
        Path("/dev/full").write_text(temporary.name)  # the disk is full
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "old")]
