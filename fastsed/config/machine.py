"""Options of the machine: threads, messages."""

from __future__ import annotations

import os
from dataclasses import dataclass

from fastsed.config.options import Options, option
from fastsed.errors import InputError
from fastsed.threads import MOST_THREADS, available_threads, usable_threads


@dataclass(frozen=True, kw_only=True)
class MachineOptions(Options):
    """How the work is done; each attribute has the meaning of the key of the same name (docs/parameters.md)."""

    parallel: str = option(
        "none",
        "Machine",
        "FAST++'s way to divide the work. fastsed divides it by itself; written in the file, `none` asks "
        "for a single thread, and the other words for N_THREAD threads.",
        choices=("none", "sources", "models", "generators"),
        default_text="all cores are used",
    )
    n_thread: int = option(
        0,
        "Machine",
        "Number of threads. 0: OMP_NUM_THREADS if it is set, else all cores.",
        ge=0,
        le=MOST_THREADS,
    )
    verbose: bool = option(
        True, "Machine", "Say on the terminal what goes on. 0: nothing but errors and the number of warnings."
    )
    debug: bool = option(False, "Machine", "Say more, for those who look for a fault.")

    def check(self) -> None:
        """The instruction set of the environment is one of those that the kernels know."""
        wanted = os.environ.get("FASTSED_SIMD")
        if wanted:
            from fastsed._ext.runtime import SIMD_NAMES

            if wanted not in SIMD_NAMES:
                known = ", ".join(SIMD_NAMES)
                raise InputError(
                    f"the environment has FASTSED_SIMD={wanted}: must be one of {known}, or not be set"
                )

    def n_threads(self) -> int:
        """Threads to use: 1 where the user wrote PARALLEL='none', else N_THREAD, else what there is.

        Fewer where so many cannot be started.
        """
        if self.parallel == "none" and "parallel" in self.explicit:
            return 1
        return usable_threads(self.n_thread or available_threads())
