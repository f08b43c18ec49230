"""fastsed: stellar masses, star formation rates and redshifts of galaxies from their spectral energy distributions.

A catalogue, as a parameter file of FAST describes it::

    import fastsed

    results = fastsed.run("fast.param", n_sim=100)   # fits, and writes the .fout file
    results.table["lmass"]                           # the same, as an astropy table
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastsed._version import __version__
from fastsed.errors import FastsedError, InputError, UsageError

if TYPE_CHECKING:
    from fastsed import filters
    from fastsed.api import Results, Sed, Sfh, fit, merge, run
    from fastsed.filters import Filter
    from fastsed.galaxy_model import GalaxyModel, axis
    from fastsed.models.model_array import ModelArray
    from fastsed.outputs.chi2grid import read_chi2_grid
    from fastsed.outputs.pdf_file import read_pdf
    from fastsed.params import Params, read_params
    from fastsed.star_model import StarModel, StarResults

__all__ = [
    "FastsedError",
    "Filter",
    "GalaxyModel",
    "InputError",
    "ModelArray",
    "Params",
    "Results",
    "Sed",
    "Sfh",
    "StarModel",
    "StarResults",
    "UsageError",
    "__version__",
    "axis",
    "filters",
    "fit",
    "merge",
    "read_chi2_grid",
    "read_params",
    "read_pdf",
    "run",
]

# imported when first used: the commands must start fast
_LAZY = {
    "Filter": "fastsed.filters",
    "GalaxyModel": "fastsed.galaxy_model",
    "ModelArray": "fastsed.models.model_array",
    "Params": "fastsed.params",
    "Results": "fastsed.api",
    "Sed": "fastsed.api",
    "Sfh": "fastsed.api",
    "StarModel": "fastsed.star_model",
    "StarResults": "fastsed.star_model",
    "axis": "fastsed.galaxy_model",
    "fit": "fastsed.api",
    "merge": "fastsed.api",
    "read_chi2_grid": "fastsed.outputs.chi2grid",
    "read_params": "fastsed.params",
    "read_pdf": "fastsed.outputs.pdf_file",
    "run": "fastsed.api",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "filters":
        return import_module("fastsed.filters")
    if name not in _LAZY:
        raise AttributeError(f"module 'fastsed' has no attribute '{name}'")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
