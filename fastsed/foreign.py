"""Parse files that may be damaged with the parsers of others: a file in; what it holds, or one clear error, out."""

from __future__ import annotations

import os
import pickle
import select
import signal
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar

from fastsed.errors import InputError
from fastsed.paths import share_dir

T = TypeVar("T")

# processor time that a parser may take: as much as this, and one second more for each so many bytes of the file
PARSER_SECONDS = 1.0
BYTES_PER_SECOND = 20e6
# time on the clock, on a machine or a network however busy, of the first try and of the second: a process that was
# forked while a thread held a lock waits for it for ever (of an allocator, where it is not the C library's)
PATIENCE_SECONDS = (15.0, 60.0)
PATIENT_BYTES_PER_SECOND = 1e6
# memory that it may take: as much as this, and so much more for each byte of the file
PARSER_BYTES = 1 << 30
MEMORY_PER_BYTE = 16
# deflate cannot do better than 1:1032
LARGEST_COMPRESSION = 1100
DETAIL_LENGTH = 200
# signals that end a child, without a word from anybody who listens to them in the parent
_ENDINGS = (
    *(signal.SIGPROF, signal.SIGTERM, signal.SIGINT),
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL),
)


@contextmanager
def parser_errors(path: str | PathLike[str], what: str) -> Iterator[None]:
    """Turn whatever a parser raises within the block into an error that names the file.

    Parsers of damaged files raise nearly anything (of h5py: RuntimeError, of astropy: AttributeError,
    UnboundLocalError, AssertionError, ...), so that no list of types suffices.

    Parameters
    ----------
    path : path-like
    what : str
        What the file should be, for instance "a readable HDF5 file".

    Raises
    ------
    InputError
    """
    try:
        yield
    except InputError:
        raise
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from error
    except Exception as error:
        lines = str(error).splitlines() or ["no message"]
        detail = f"{type(error).__name__}: {lines[0]}"[:DETAIL_LENGTH]
        raise InputError(f"is not {what}, or is damaged ({detail})", path) from error


def parse_foreign(
    parse: Callable[[], T], path: str | PathLike[str], what: str, bytes_per_second: float = BYTES_PER_SECOND
) -> T:
    """Parse a file in a process of its own, so that a parser that crashes or never ends does no harm.

    A process that gives no sign of life is ended, and a second one tries.
    Files that come with fastsed are parsed in this process; so are all where no further process can be started.

    Parameters
    ----------
    parse : callable
        Reads the file; what it returns must be picklable. Modules that it needs should be imported already.
    path : path-like
        The file.
    what : str
        What it should be, for messages.
    bytes_per_second : float
        The parser may take a second of the processor for each so many bytes of the file.

    Returns
    -------
    object
        What `parse` returns.

    Raises
    ------
    InputError
        If the file is no regular file, `parse` raises anything, crashes, or takes too long for the size of the file.
    """
    with parser_errors(path, what):
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise InputError("cannot be read: it is no regular file", path)
        if is_shipped(path):
            return parse()
    limit = PARSER_SECONDS + status.st_size / bytes_per_second
    for patience in PATIENCE_SECONDS:
        reader, writer = os.pipe()
        try:
            pid = _fork()
        except OSError:
            os.close(reader)
            os.close(writer)
            with parser_errors(path, what):
                return parse()
        if pid == 0:
            _answer(parse, path, what, writer, limit)
        os.close(writer)
        with open(reader, "rb") as stream:
            answer = _received(stream, pid, patience + status.st_size / PATIENT_BYTES_PER_SECOND)
        if answer is not None:
            break
    content: T = _content(answer, path, what)
    return content


def is_shipped(path: str | PathLike[str]) -> bool:
    """Whether a file came with fastsed."""
    return Path(path).resolve().is_relative_to(share_dir().resolve())


def check_claimed_size(claimed: int, path: str | PathLike[str], what: str) -> None:
    """Refuse an array larger than the file can hold, however well compressed, before memory is asked for.

    Parameters
    ----------
    claimed : int
        Bytes that the array would take.
    path : path-like
    what : str
        Name of the array, for messages.

    Raises
    ------
    InputError
    """
    size = os.stat(path).st_size
    if claimed > LARGEST_COMPRESSION * size:
        raise InputError(f"is damaged: its {what} would take {claimed} bytes, but the file has {size}", path)


def _fork() -> int:
    with warnings.catch_warnings():
        # threads of the parent do not matter: the child parses, answers and ends
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _answer(
    parse: Callable[[], T], path: str | PathLike[str], what: str, writer: int, limit: float
) -> NoReturn:
    """The child: parse, write the result or the error into the pipe, end."""
    try:
        # a library that aborts writes there; the error says it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        for number in _ENDINGS:
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, limit)
        _limit_memory(os.path.getsize(path))
        warnings.simplefilter("ignore")
        answer: tuple[str, object]
        try:
            with parser_errors(path, what):
                answer = "result", parse()
        except InputError as error:
            answer = "error", (error.message, error.path, error.line)
        with open(writer, "wb") as stream:
            pickle.dump(answer, stream, protocol=5)
    finally:
        os._exit(0)


def _limit_memory(size: int) -> None:
    """Leave a parser memory for what a file of this size may hold, as far as the system can tell and limit it."""
    import resource

    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + PARSER_BYTES + MEMORY_PER_BYTE * size
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))


def _received(stream: BinaryIO, pid: int, seconds: float) -> tuple[str, Any] | None:
    """The parent: what the child answers, or the signal that ended it; None if it was given up."""
    ready, answer = False, None
    try:
        ready = bool(select.select([stream], [], [], seconds)[0])
        if ready:
            with suppress(EOFError, pickle.UnpicklingError):
                answer = pickle.load(stream)
    finally:
        if not ready:
            os.kill(pid, signal.SIGKILL)
        ended = _wait(pid)
    if ready and answer is None:
        return "signal", -ended
    return answer


def _content(answer: tuple[str, Any] | None, path: str | PathLike[str], what: str) -> Any:
    """The result that a child answered, or its error."""
    if answer is None or answer == ("signal", signal.SIGPROF):
        raise InputError(f"is not {what}, or is damaged: reading it came to no end", path)
    kind, content = answer
    if kind == "signal":
        raise InputError(f"is not {what}, or is damaged: its parser crashed (signal {content})", path)
    if kind == "error":
        raise InputError(*content)
    return content


def _wait(pid: int) -> int:
    """How the child ended: its exit status, or the signal as a negative number."""
    with suppress(ChildProcessError):
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return 0
