"""How many threads there are, and BLAS held to one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from fastsed.threads import available_threads, single_threaded_blas, usable_threads, wait_briefly
from tests.helpers import copy_example


@pytest.mark.parametrize(("text", "threads"), [("3", 3), ("2,1", 2), (" 4 ", 4), ("9" * 5000, 1024)])
def test_environment(monkeypatch, text, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert available_threads() == threads


@pytest.mark.parametrize("text", ["", "many", "0", "-2", "1.5"])
def test_environment_without_a_number(monkeypatch, text):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = available_threads()
    assert 1 <= cores <= (os.cpu_count() or 1)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert available_threads() == cores


def test_waiting_threads_sleep_soon(monkeypatch):
    monkeypatch.setenv("GOMP_SPINCOUNT", "")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    wait_briefly()
    assert os.environ["GOMP_SPINCOUNT"] == "10000"


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_waiting_as_the_user_wants(monkeypatch, name):
    for other in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "5")
    before = dict(os.environ)
    wait_briefly()
    assert dict(os.environ) == before


def test_blas_is_held():
    np.ones((2, 2)) @ np.ones((2, 2))
    with single_threaded_blas():
        assert all(pool["num_threads"] == 1 for pool in threadpool_info() if pool["user_api"] == "blas")


def limited_threads(monkeypatch, most):
    """No more than so many threads at a time."""
    start, alive = threading.Thread.start, []

    def limited(thread):
        alive[:] = [one for one in alive if one.is_alive()]
        if len(alive) >= most:
            raise RuntimeError("can't start new thread")
        start(thread)
        alive.append(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)


@pytest.mark.parametrize(
    ("most", "wanted", "used"), [(100, 8, 8), (18, 8, 8), (17, 8, 7), (6, 4, 2), (2, 4, 1), (0, 4, 1)]
)
def test_fewer_threads_where_no_more_can_be_started(monkeypatch, caplog, most, wanted, used):
    limited_threads(monkeypatch, most)
    before = threading.active_count()
    assert usable_threads(wanted) == used
    assert threading.active_count() == before
    assert len(caplog.records) == (used < wanted)


def test_one_thread_starts_none(monkeypatch):
    limited_threads(monkeypatch, 0)
    assert usable_threads(1) == 1


FORK = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import fastsed
from fastsed._ext import runtime

runtime.MULTIPLY_ADDS_PER_THREAD = 1
def fit(n, name):
    fastsed.run("gst.param", n_sim=5, a_v_step=1, no_cache=1, verbose=0, n_thread=n, output_file=name)

fit(4, "parent")
if (pid := os.fork()) == 0:
    fit(4, "child")
    os._exit(0)
os.waitpid(pid, 0)
fit(4, "after")
"""


def test_a_fit_in_a_forked_child(tmp_path):
    """GCC's OpenMP would wait for ever for threads of the parent."""
    copy_example(tmp_path, 20)
    subprocess.run([sys.executable, "-c", FORK], cwd=tmp_path, check=True, timeout=100, capture_output=True)
    first, *others = ((tmp_path / f"{name}.fout").read_text() for name in ("parent", "child", "after"))
    assert others == [first, first]
