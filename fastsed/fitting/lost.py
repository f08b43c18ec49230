"""Sources without a fit: what is known of each in, the reason out."""

from __future__ import annotations

import logging

import numpy as np

from fastsed.arrays import Floats, Ints, Mask
from fastsed.errors import InputError
from fastsed.inputs.catalog import counted

log = logging.getLogger(__name__)


def check_fittable(fittable: Mask, zero_error: Mask, path: str) -> None:
    """Stop where no source can be fitted, whatever the models.

    Parameters
    ----------
    fittable, zero_error : (nsource,)
        As in `Catalog`.
    path : str
        Of the catalogue.

    Raises
    ------
    InputError
        That gives the reason.
    """
    if fittable.any():
        return
    n_zero = int(np.count_nonzero(zero_error))
    n_invalid = len(fittable) - n_zero
    reasons = [f"{counted(n_zero, 'source')} with an error of zero"] * (n_zero > 0)
    reasons += [f"{counted(n_invalid, 'source')} without any valid flux"] * (n_invalid > 0)
    raise InputError(f"no source can be fitted: {', '.join(reasons)}", path)


def report_without_posterior(fitted: Mask, lnz: Floats) -> None:
    """Say how many sources have a best fit, but no model with a weight.

    Parameters
    ----------
    fitted : (nsource,)
    lnz : (nsource,)
    """
    n = int(np.count_nonzero(fitted & ~np.isfinite(lnz)))
    if n:
        log.warning(
            "%s fitted, but without a posterior: of the models with a scale above 0, none has a prior above 0",
            counted(n, "source"),
        )


def lost_reasons(lost: Mask, n_ages: Ints, n_models: Ints) -> dict[str, Mask]:
    """Sources without a best model, by reason.

    Parameters
    ----------
    lost : (nsource,)
        Sources with valid data, but without a best model.
    n_ages : (nsource,)
        Ages of the grid within that of the Universe, over the redshifts that the source may have.
    n_models : (nsource,)
        Models that were compared with it.
    """
    too_old, excluded = n_ages == 0, n_models == 0
    return {
        "every age is older than the Universe at their redshift (LOG_AGE_MIN, NO_MAX_AGE)": lost & too_old,
        "GRID_EXCLUDE excludes every model at their redshift": lost & ~too_old & excluded,
        "every model is zero or NaN in the bands that they have: beyond the wavelengths of the library, behind "
        "the Lyman limit, or the library is damaged": lost & ~too_old & ~excluded,
    }


def report_lost(fittable: Mask, fitted: Mask, n_ages: Ints, n_models: Ints, path: str) -> None:
    """Warn of the sources that have valid data but no best model.

    Raises
    ------
    InputError
        Where no source has one.
    """
    lost = fittable & ~fitted
    reasons = {text: mask for text, mask in lost_reasons(lost, n_ages, n_models).items() if mask.any()}
    if not fitted.any():
        raise InputError("no model of the grid can be fitted: " + "; ".join(reasons), path or None)
    for text, mask in reasons.items():
        log.warning("%s not fitted, with NaN in the catalogue: %s", counted(int(mask.sum()), "source"), text)
