import subprocess
import sys

import pytest

CODE = """
import resource, sys, torch
from convlens.tracing._memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.ones(2**22) for _ in range(8)]  # 16 MiB each
    del tensors
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
first = faults()
faults()
print(first, faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator of glibc")
def test_memory_that_was_freed_is_used_again_without_the_system_clearing_it():
    def faults(how):
        done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True)
        return map(int, done.stdout.split())

    first, later = faults("keep")
    assert first > 30_000  # pages of 4 KiB: the memory was new once
    assert later < first / 4


def test_a_users_own_settings_of_the_allocator_are_kept(monkeypatch):
    from convlens.tracing._memory import keep_freed_memory

    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert not keep_freed_memory.__wrapped__()
