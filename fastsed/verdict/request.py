"""What is unusual about what a parameter file asks for: its values and the known redshifts in, findings out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats
from fastsed.config.run import RunOptions
from fastsed.verdict.finding import LIMITS, Finding, listed, outside

UniverseAge = Callable[[ArrayLike], Floats]

_USUAL = RunOptions()
_NAME_ZPHOT = _USUAL.name_zphot or "z_phot"
# redshifts at which the age of the Universe is compared with those of the grid
_REDSHIFTS_COMPARED = 1000


def request_findings(params: RunOptions, universe_age: UniverseAge, has_photoz: bool) -> list[Finding]:
    """All findings on the options alone.

    Parameters
    ----------
    params : RunOptions
    universe_age : callable
        Redshifts -> age of the Universe [Gyr], with the cosmology of `params`.
    has_photoz : bool
        Whether there is a file of photometric redshifts.
    """
    return [
        *hubble_constant(params.h0),
        *times(params),
        *ages_of_the_universe(params, universe_age),
        *library_folder(params.library_dir),
        *([] if has_photoz else photoz_without_file(params)),
        *intervals_without_simulations(params),
        *options_of_posteriors(params),
    ]


def hubble_constant(h0: float) -> Iterator[Finding]:
    """H0 in units of 100 km/s/Mpc, or in others."""
    if outside(h0, LIMITS.h0):
        yield Finding(f"H0 = {h0:g} km/s/Mpc; usual is about 70", unusual=True)


def times(params: RunOptions) -> Iterator[Finding]:
    """Ages and tau in Gyr, or its logarithm, rather than the logarithm of years."""
    pairs = {"LOG_AGE": (params.log_age_min, params.log_age_max)}
    names = [name.lower() for name in params.custom_params]
    if not params.my_sfh and (not params.custom_sfh or "log_tau" in names):
        pairs["LOG_TAU"] = (params.log_tau_min, params.log_tau_max)
    if params.differential_a_v:
        pairs["LOG_BC_AGE"] = (params.log_bc_age_max, params.log_bc_age_max)
    smallest, largest = LIMITS.log_time
    for name, (low, high) in pairs.items():
        if low < smallest or high < largest:
            key, value = (f"{name}_MAX", high) if high < largest else (f"{name}_MIN", low)
            yield Finding(
                f"{key} = {value:g} looks like Gyr, or log10 of Gyr; it is log10 of years (1 Gyr is 9)",
                unusual=True,
            )


def ages_of_the_universe(params: RunOptions, universe_age: UniverseAge) -> Iterator[Finding]:
    """Ages beyond that of the Universe."""
    today = 9 + float(np.log10(universe_age(0.0)))
    if params.log_age_max > today + LIMITS.log_age_excess:
        yield Finding(
            f"LOG_AGE_MAX = {params.log_age_max:g} is far beyond the age of the Universe, {today:.2f} (log10 yr)",
            unusual=True,
        )
    if params.no_max_age:
        return
    z = np.linspace(params.z_min, params.z_max, _REDSHIFTS_COMPARED)
    fits = 9 + np.log10(universe_age(z)) >= params.log_age_min
    if not fits.all():
        where = f"above z = {z[fits][-1]:.3g}" if fits.any() else "at any redshift"
        yield Finding(
            f"LOG_AGE_MIN = {params.log_age_min:g}: no model is younger than the Universe {where} "
            f"(Z_MAX = {params.z_max:g})",
            unusual=True,
        )


def library_folder(folder: str) -> Iterator[Finding]:
    """A LIBRARY_DIR that does not exist; libraries are then taken from elsewhere."""
    if folder and not Path(folder).is_dir():
        yield Finding(
            f"LIBRARY_DIR = '{folder}' is not a folder: libraries are looked for in the others only",
            unusual=True,
        )


def photoz_without_file(params: RunOptions) -> Iterator[Finding]:
    """Photometric redshifts that are asked for, but not there."""
    asked = {
        "NAME_ZPHOT": params.name_zphot != _NAME_ZPHOT,
        "ZPHOT_CONF": params.zphot_conf > 0,
        "BEST_AT_ZPHOT": params.best_at_zphot,
        "FORCE_ZPHOT": params.force_zphot,
    }
    keys = [key for key, set_by_user in asked.items() if set_by_user]
    if keys:
        yield Finding(
            f"{listed(keys)}: there are no photometric redshifts, since there is no file '{params.catalog_stem}.zout'",
            unusual=True,
        )


def intervals_without_simulations(params: RunOptions) -> Iterator[Finding]:
    """Intervals that are asked for, but not found; 68 % beside N_SIM = 0 stands in most parameter files."""
    asked = "c_interval" in params.explicit and params.c_interval
    if not asked or params.n_sim or params.interval_from_chi2:
        return
    shown = listed(f"{c:g}" for c in params.c_interval)
    yield Finding(
        f"C_INTERVAL = {shown}, but no intervals: N_SIM is 0, and so is INTERVAL_FROM_CHI2",
        unusual=params.c_interval != _USUAL.c_interval or "n_sim" not in params.explicit,
    )


def options_of_posteriors(params: RunOptions) -> Iterator[Finding]:
    """Priors, and how posteriors are made, where none are asked for."""
    if params.posterior:
        return
    keys = [f"PRIOR_{name.upper()}" for name in params.priors]
    if params.posterior_scale != _USUAL.posterior_scale:
        keys.append("POSTERIOR_SCALE")
    if params.posterior_percentiles != _USUAL.posterior_percentiles:
        keys.append("POSTERIOR_PERCENTILES")
    if keys:
        yield Finding(f"{listed(keys)}: no effect without POSTERIOR = 1", unusual=True)


def redshift_findings(
    z_spec: Floats, z_phot: Floats | None, grid: Floats, force_zphot: bool, path: str
) -> list[Finding]:
    """Findings on known redshifts.

    Parameters
    ----------
    z_spec : (nsource,)
        Spectroscopic redshifts, as given; NaN where there is none.
    z_phot : (nsource,) or None
        Photometric ones; None without a `.zout` file.
    grid : (nz,)
        Redshifts of the grid, ascending.
    force_zphot : bool
        Whether photometric redshifts are taken as known, too.
    path : str
        Of the file of photometric redshifts, for messages.
    """
    result = [*no_photoz(z_phot, path), *moved_redshifts(z_spec, grid, "spectroscopic")]
    if force_zphot and z_phot is not None:
        result += moved_redshifts(np.where(np.isnan(z_spec), z_phot, np.nan), grid, "photometric")
    return result


def no_photoz(z_phot: Floats | None, path: str) -> Iterator[Finding]:
    """A `.zout` file none of whose redshifts is above 0."""
    if z_phot is not None and not np.isfinite(z_phot).any():
        yield Finding(f"{path}: no photometric redshift is above 0, so none is used", unusual=True)


def moved_redshifts(known: Floats, grid: Floats, kind: str) -> Iterator[Finding]:
    """Known redshifts that are far from the grid's; those beyond its ends are warned of elsewhere."""
    inside = known[(known >= grid[0]) & (known <= grid[-1])]
    if not inside.size:
        return
    right = np.clip(np.searchsorted(grid, inside), 1, max(1, len(grid) - 1))
    right = np.minimum(right, len(grid) - 1)
    distance = np.minimum(np.abs(inside - grid[right - 1]), np.abs(grid[right] - inside)) / (1 + inside)
    moved = int(np.count_nonzero(distance > LIMITS.redshift_step))
    text = f"{kind} redshifts are moved to the grid by up to {100 * distance.max():.2g} % of 1+z"
    if moved:
        text += f", by more than {100 * LIMITS.redshift_step:g} % for {moved} of {inside.size}: lower Z_STEP"
    yield Finding(text, unusual=moved > 0)
