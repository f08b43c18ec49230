"""Parsers of others end in a result or in one error, whatever they do."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from fastsed import foreign
from fastsed.errors import InputError
from fastsed.foreign import check_claimed_size, parse_foreign, parser_errors
from fastsed.paths import share_dir


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "some.hdf5"
    path.write_bytes(b"x" * 1000)
    return path


def parse(path, function):
    return parse_foreign(function, path, "a table")


def test_result_comes_back_from_another_process(path):
    pid, values = parse(path, lambda: (os.getpid(), np.arange(3e6)))
    assert pid != os.getpid()
    np.testing.assert_array_equal(values, np.arange(3e6))


def test_shipped_files_are_parsed_here():
    shipped = share_dir() / "README.md"
    assert parse(shipped, os.getpid) == os.getpid()


@pytest.mark.parametrize(
    "error", [RuntimeError, AssertionError, UnboundLocalError, AttributeError, MemoryError]
)
def test_any_exception_names_the_file(path, error):
    def fail():
        raise error("first line\nsecond line")

    with pytest.raises(
        InputError, match=rf"some\.hdf5: is not a table, or is damaged \({error.__name__}: first line\)$"
    ):
        parse(path, fail)
    with pytest.raises(InputError, match="is not a table"), parser_errors(path, "a table"):
        fail()


def test_our_own_errors_pass(path):
    def fail():
        raise InputError("is odd", path, 7)

    with pytest.raises(InputError, match=r"some\.hdf5:7: is odd$") as caught:
        parse(path, fail)
    assert (caught.value.path, caught.value.line) == (path, 7)


def test_endless_loop_ends(path, monkeypatch):
    monkeypatch.setattr(foreign, "PARSER_SECONDS", 0.2)

    def loop():
        while True:
            pass

    with pytest.raises(InputError, match="reading it came to no end"):
        parse(path, loop)


def test_waiting_for_ever_ends(path, monkeypatch):
    monkeypatch.setattr(foreign, "PATIENCE_SECONDS", (0.2, 0.2))
    with pytest.raises(InputError, match="reading it came to no end"):
        parse(path, lambda: time.sleep(1000))


def test_process_that_got_stuck_is_started_again(path, monkeypatch):
    """As one forked while a thread held a lock of an allocator."""
    tries = path.with_name("tries")
    monkeypatch.setattr(foreign, "PATIENCE_SECONDS", (0.2, 60.0))

    def stuck_at_first():
        first = not tries.exists()
        tries.touch()
        if first:
            time.sleep(1000)
        return "read"

    assert parse(path, stuck_at_first) == "read"


def test_crash_of_a_parser(path):
    with pytest.raises(InputError, match=r"its parser crashed \(signal 11\)"):
        parse(path, lambda: os.kill(os.getpid(), signal.SIGSEGV))


def test_last_words_of_a_parser_are_not_shown(path, capfd):
    def abort():
        os.write(2, b"*** heap corruption ***")
        os.abort()

    with pytest.raises(InputError, match=r"its parser crashed \(signal 6\)"):
        parse(path, abort)
    assert capfd.readouterr().err == ""


def test_memory_is_limited(path):
    with pytest.raises(InputError, match=r"is not a table, or is damaged \(.*Memory"):
        parse(path, lambda: np.ones(1 << 28).sum())


def test_without_another_process(path, monkeypatch):
    def no_process():
        raise BlockingIOError

    monkeypatch.setattr(foreign, "_fork", no_process)
    assert parse(path, os.getpid) == os.getpid()
    with pytest.raises(InputError, match="ZeroDivisionError"):
        parse(path, lambda: 1 / 0)


def test_no_regular_file(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        parse(tmp_path / "none", os.getpid)
    with pytest.raises(InputError, match="no regular file"):
        parse(tmp_path, os.getpid)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no regular file"):
        parse(tmp_path / "pipe", os.getpid)


def test_claimed_sizes(path):
    check_claimed_size(1_000_000, path, "sed")
    with pytest.raises(InputError, match="its sed would take 10000000 bytes, but the file has 1000"):
        check_claimed_size(10_000_000, path, "sed")
