"""What the commands say: log records and progress in, lines on the terminal out."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from fastsed.errors import FastsedError

PREFIXES = {logging.WARNING: "warning: ", logging.ERROR: "error: "}
# seconds between progress lines where there is no terminal
QUIET_SECONDS = 10.0


class _Format(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return PREFIXES.get(record.levelno, "note: ") + record.getMessage()


def start_logging(level: int) -> None:
    """Show records of the package from `level` on: notes on standard output, warnings on standard error."""
    logger = logging.getLogger("fastsed")
    logger.handlers.clear()
    notes, warnings = logging.StreamHandler(sys.stdout), logging.StreamHandler(sys.stderr)
    notes.addFilter(lambda record: record.levelno < logging.WARNING)
    warnings.setLevel(logging.WARNING)
    for handler in (notes, warnings):
        handler.setFormatter(_Format())
        logger.addHandler(handler)
    logger.setLevel(level)


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
        elif self._lines and time.monotonic() - self._last > QUIET_SECONDS:
            self._last = time.monotonic()
            rate = self._done / (self._last - self._start)
            left = (self._total - self._done) / rate
            print(
                f"note: {100 * self._done / self._total:.0f} % of the models done, {rate:.3g} a second, "
                f"{left:.0f} s left",
                flush=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()


def run_command(program: str, command: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None = None) -> int:
    """Run a command; a user's error becomes one message and an exit status, never a traceback."""
    try:
        return command(argv)
    except FastsedError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
