"""How many threads to use, how they wait, and BLAS held to one thread inside ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def available_threads() -> int:
    """OMP_NUM_THREADS where it is a plain positive number, else the cores this process may run on."""
    text = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if text.isdecimal() and int(text) > 0:
        return int(text)
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def wait_briefly() -> None:
    """Let threads of GCC's OpenMP without work sleep after some tenths of a millisecond, unless the user chose.

    By default they keep a processor busy for many milliseconds, and others make tiles meanwhile. It counts only where
    OpenMP is not loaded yet.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Inside the block, numpy's products use one thread: the threads are ours, one tile each."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
