"""fastsed: stellar masses, star formation rates and redshifts of galaxies from their spectral energy distributions.

Five lines that fit a catalogue::

    import fastsed

    params = fastsed.read_params("fast.param")
    results = fastsed.run(params)          # fits, and writes the .fout file
    table = results.to_table()             # the same, as an astropy table
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastsed._version import __version__
from fastsed.errors import FastsedError, InputError, UsageError

if TYPE_CHECKING:
    from fastsed.outputs.chi2grid import read_chi2_grid
    from fastsed.params import Params, read_params
    from fastsed.pipeline import Results, Setup, fit_prepared, prepare, run

__all__ = [
    "FastsedError",
    "InputError",
    "Params",
    "Results",
    "Setup",
    "UsageError",
    "__version__",
    "fit_prepared",
    "prepare",
    "read_chi2_grid",
    "read_params",
    "run",
]

# imported when first used: the commands must start fast
_LAZY = {
    "Params": "fastsed.params",
    "read_params": "fastsed.params",
    "Results": "fastsed.pipeline",
    "Setup": "fastsed.pipeline",
    "prepare": "fastsed.pipeline",
    "fit_prepared": "fastsed.pipeline",
    "run": "fastsed.pipeline",
    "read_chi2_grid": "fastsed.outputs.chi2grid",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'fastsed' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
