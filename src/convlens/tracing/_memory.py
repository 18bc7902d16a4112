"""Memory that a trace gives back is kept by the process, so that the next one finds it ready."""

import ctypes
import functools
import os
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's numbers for what it sets (malloc.h)
_KEPT = 2**31 - 1  # bytes: the most that mallopt takes
_LARGEST = 2**30  # bytes of one tensor


@functools.cache
def keep_freed_memory() -> bool:
    """Have glibc keep up to 2 GiB of freed memory in this process instead of handing it back to the system.

    A trace holds every activation; without this each one is written to pages that the system must first clear, which
    costs as much as half of a plain forward pass. It holds for the whole process, from the first trace on. Whoever set
    the allocator in the environment (MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_, GLIBC_TUNABLES) keeps that.

    Returns:
        Whether it was done: on other systems, and on a user's own settings, it is not.
    """
    chosen = {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"} & {*os.environ}
    if chosen or platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_MMAP_THRESHOLD, _LARGEST) and library.mallopt(_TRIM_THRESHOLD, _KEPT))
