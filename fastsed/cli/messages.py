"""What the commands say: log records and progress in, lines on the terminal out."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self, TextIO

from fastsed.errors import FastsedError

PREFIXES = {logging.WARNING: "warning: ", logging.ERROR: "error: "}
# seconds between progress lines where there is no terminal
QUIET_SECONDS = 10.0


class _Format(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return PREFIXES.get(record.levelno, "note: ") + record.getMessage()


class _Lines(logging.StreamHandler[TextIO]):
    """Writes a line per record, above the progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        if "tqdm" not in sys.modules:
            super().emit(record)
            return
        from tqdm import tqdm

        with tqdm.external_write_mode(file=self.stream):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Let a closed pipe end the command; what cannot be written for another reason is left out from there on."""
        error = sys.exception()
        if isinstance(error, BrokenPipeError):
            raise
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        silence(self.stream)
        if self.stream is sys.stdout:
            logging.getLogger("fastsed").warning(
                "standard output cannot be written: %s; the run goes on without its notes", error.strerror
            )


class _Held(logging.Handler):
    """Keeps records until it is known which of them are wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class WarningCount(logging.Handler):
    """Counts warnings, whether they are shown or not."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record."""
        self.count += record.levelno == logging.WARNING


def hold_logging() -> None:
    """Keep the package's records until `start_logging` says from which level on they are shown."""
    logger = logging.getLogger("fastsed")
    logger.handlers[:] = [_Held()]
    logger.setLevel(logging.INFO)


def start_logging(level: int) -> None:
    """Show records of the package from `level` on: notes on standard output, warnings on standard error."""
    logger = logging.getLogger("fastsed")
    held = [record for handler in logger.handlers if isinstance(handler, _Held) for record in handler.records]
    notes, alerts = _Lines(sys.stdout), _Lines(sys.stderr)
    notes.addFilter(lambda record: record.levelno < logging.WARNING)
    notes.setLevel(level)
    alerts.setLevel(max(level, logging.WARNING))
    for handler in (notes, alerts):
        handler.setFormatter(_Format())
    logger.handlers[:] = [notes, alerts]
    if level > logging.WARNING:
        logger.handlers.append(WarningCount())
    # what is not shown is counted
    logger.setLevel(min(level, logging.WARNING))
    for record in held:
        if record.levelno >= logger.level:
            logger.handle(record)


def tell_hidden_warnings() -> None:
    """Where warnings are not shown, say on standard error how many there were."""
    for handler in logging.getLogger("fastsed").handlers:
        if isinstance(handler, WarningCount) and handler.count:
            plural = "s" * (handler.count > 1)
            print(f"{handler.count} warning{plural} not shown: run without -q (VERBOSE = 1)", file=sys.stderr)
            handler.count = 0


class Progress:
    """Progress of a run: a bar with rate and time left on a terminal, a line now and then elsewhere.

    Parameters
    ----------
    total : int
        Models to go through.
    shown : bool
    """

    def __init__(self, total: int, shown: bool):
        self._total, self._done = total, 0
        self._bar: Any = None
        self._lines = shown and not sys.stderr.isatty()
        self._start = self._last = time.monotonic()
        if shown and not self._lines:
            from tqdm import tqdm

            # no thread that watches it
            tqdm.monitor_interval = 0
            self._bar = tqdm(total=total, unit=" models", unit_scale=True, leave=False, mininterval=0.2)

    def __call__(self, n: int) -> None:
        """Note that `n` more models are done."""
        self._done += n
        if self._bar is not None:
            self._bar.update(n)
        elif self._lines and self._done and time.monotonic() - self._last > QUIET_SECONDS:
            self._last = time.monotonic()
            rate = self._done / (self._last - self._start)
            left = max(0, self._total - self._done) / rate
            logging.getLogger("fastsed").info(
                "%.0f %% of the models done, %.3g a second, %.0f s left",
                100 * self._done / max(self._total, self._done),
                rate,
                left,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Warnings of libraries speak to programmers: they are shown with DEBUG = 1 only."""
    logging.getLogger("fastsed").debug("%s:%d: %s: %s", filename, lineno, category.__name__, message)


class Terminated(KeyboardInterrupt):
    """The command was asked to end by a signal, which is the first argument."""


def _terminate(number: int, _: object) -> None:
    # what is on its way out is not stopped by another one
    signal.signal(number, signal.SIG_IGN)
    raise Terminated(number)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) == signal.SIG_DFL]
    for one in ours:
        signal.signal(one, _terminate)
    try:
        yield
    finally:
        for one in ours:
            signal.signal(one, signal.SIG_DFL)


def silence(stream: TextIO) -> None:
    """Let what goes to a stream of the process go nowhere; Python flushes it once more at the end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _open_closed_streams() -> None:
    """Give standard streams that were closed to the null device, lest the next file opened takes their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            opened = open(number, "w" if number else "r", closefd=False)  # noqa: SIM115 - for the process
            setattr(sys, name, opened)


def run_command(
    program: str, command: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None = None
) -> int:
    """Run a command; what goes wrong outside of it becomes one message and an exit status, never a traceback.

    Parameters
    ----------
    program : str
        Its name, for messages.
    command : callable
        Takes the arguments, returns the exit status.
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        Exit status: 1 after an error, 2 after wrong usage, 130 after an interrupt, 143 after SIGTERM, 129 after SIGHUP.
    """
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # names of files may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = _log_warning
    with suppress(OSError):
        return _status(program, command, argv)
    # the message of an error cannot be written either
    silence(sys.stdout)
    silence(sys.stderr)
    return 1


def _status(program: str, command: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None) -> int:
    """As `run_command`; an OSError where the message itself cannot be written."""

    def failed(message: object, status: int = 1) -> int:
        print(f"{program}: {message}", file=sys.stderr, flush=True)
        return status

    try:
        with _ended_by_signals():
            status = command(argv)
            tell_hidden_warnings()
            sys.stdout.flush()
        return status
    except FastsedError as error:
        return failed(f"error: {error}", error.exit_status)
    except Terminated as signal_:
        return failed("terminated", 128 + int(signal_.args[0]))
    except KeyboardInterrupt:
        return failed("interrupted", 130)
    except BrokenPipeError:
        # nobody reads on
        silence(sys.stdout)
        return 1
    except OSError as error:
        silence(sys.stdout)
        where = f"{error.filename}: " if error.filename else ""
        return failed(f"error: {where}{error.strerror or error}")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("fastsed._ext"):
            raise
        hint = "install fastsed (`pip install .`) and run it outside of its source folder"
        return failed(f"error: the compiled kernels are not here; {hint}")
    except RuntimeError as error:
        # Python has no type of its own for it
        if "new thread" not in str(error):
            raise
        return failed("error: no more threads can be started here: the limit of processes is reached")
    except MemoryError as error:
        return failed(f"error: not enough memory: {error}")
