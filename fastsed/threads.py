"""How many threads to use, how they wait, and BLAS held to one thread inside ours."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from fastsed.text import whole_number

log = logging.getLogger(__name__)

MOST_THREADS = 1024
OTHER_THREADS = 2
"""Those that write beside the threads of a fit."""


def available_threads() -> int:
    """OMP_NUM_THREADS, at most `MOST_THREADS`, where it is a plain positive number; else the cores for this process."""
    if set_number := whole_number(os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()):
        return min(set_number, MOST_THREADS)
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usable_threads(requested: int) -> int:
    """As many of `requested` threads as this machine, or container, lets start, and at least one.

    OpenMP ends the process where it cannot start a thread, so some are started, which only wait, to see. Each thread
    of a fit stands for one that makes tiles, and there are a few more that write.
    """
    if requested <= 1:
        return max(1, requested)
    needed = 2 * requested + OTHER_THREADS
    started = _startable(needed)
    if started == needed:
        return requested
    usable = max(1, (started - OTHER_THREADS) // 2)
    log.warning("only %d more threads can be started here: %d used instead of %d", started, usable, requested)
    return usable


def _startable(needed: int) -> int:
    """How many of the threads needed can be there together."""
    end = Event()
    threads = [Thread(target=end.wait, daemon=True) for _ in range(needed)]
    started = 0
    try:
        for thread in threads:
            thread.start()
            started += 1
    except RuntimeError:
        pass
    finally:
        end.set()
    for thread in threads[:started]:
        thread.join()
    return started


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
