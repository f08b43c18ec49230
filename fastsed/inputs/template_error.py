"""The template error function: a file of two columns in, wavelengths and relative errors out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.inputs.tables import read_number_columns
from fastsed.inputs.wavelengths import warn_unless_angstrom

log = logging.getLogger(__name__)


@dataclass
class TemplateError:
    """Relative error of the models.

    Attributes
    ----------
    lam : float64 (n,)
        Rest wavelength, strictly ascending [A].
    error : float64 (n,)
        Relative error of the flux, not negative.
    """

    lam: Floats
    error: Floats


def read_template_error(path: str | Path) -> TemplateError:
    """Read a template error function.

    Parameters
    ----------
    path : path-like
        Two columns without header: rest wavelength [A] and relative error.

    Raises
    ------
    InputError
        For a missing, empty or malformed file, wavelengths that do not ascend, or negative errors.
    """
    lam, error = read_number_columns(path, ["wavelength", "error"])
    check_curve(path, lam, error, "error")
    warn_unless_angstrom(path, lam)
    log.info("read template error function '%s' (%d points)", path, lam.size)
    return TemplateError(lam, error)


def check_curve(path: str | Path, lam: Floats, value: Floats, what: str) -> None:
    """Check a tabulated function of wavelength: finite, ascending, not negative.

    Raises
    ------
    InputError
    """
    if not (np.isfinite(lam).all() and np.isfinite(value).all()):
        raise InputError(f"holds a wavelength or {what} that is not finite", path)
    down = np.flatnonzero(np.diff(lam) <= 0)
    if down.size:
        raise InputError(f"wavelengths must ascend, but {lam[down[0] + 1]:g} follows {lam[down[0]]:g}", path)
    if (value < 0).any():
        raise InputError(f"holds a negative {what} ({value[value < 0][0]:g})", path)
