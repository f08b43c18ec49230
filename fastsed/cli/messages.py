"""What the commands say: log records and progress in, lines on the terminal out."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
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
        """Let a closed pipe, or a full disk, end the command."""
        if isinstance(sys.exception(), OSError):
            raise
        super().handleError(record)


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
            print(
                f"note: {100 * self._done / max(self._total, self._done):.0f} % of the models done, "
                f"{rate:.3g} a second, {left:.0f} s left",
                flush=True,
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
        Exit status: 1 after an error, 2 after wrong usage, 130 after an interrupt.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # names of files may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = _log_warning
    try:
        status = command(argv)
        tell_hidden_warnings()
        sys.stdout.flush()
        return status
    except FastsedError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # nobody reads on; Python flushes once more when it ends, which must not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{program}: error: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("fastsed._ext"):
            raise
        hint = "install fastsed (`pip install .`) and run it outside of its source folder"
        print(f"{program}: error: the compiled kernels are not here; {hint}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"{program}: error: not enough memory: {error}", file=sys.stderr)
        return 1
