"""Best-fit spectra: wavelengths and fluxes in; `.fit` and `.input_res.fit` text files out."""

from __future__ import annotations

import os
from collections.abc import Mapping

from numpy.typing import ArrayLike

from fastsed.outputs.columnfile import write_columns

_UNIT = "(x 10^-19 ergs s^-1 cm^-2 Angstrom^-1)"


def write_best_fit(
    path: str | os.PathLike[str], lam_obs: ArrayLike, columns: Mapping[str, ArrayLike]
) -> None:
    """Write a model spectrum.

    Parameters
    ----------
    path : path-like
    lam_obs : array (nlam,)
        Observed wavelength, Angstrom.
    columns : mapping of str to array (nlam,)
        Flux densities, 1e-19 erg/s/cm2/A, in order: "fl" the model, then "fl_nodust" without dust and
        "fl_lsf" as seen through the instrument, as far as they are wanted.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_columns(path, f"wl {' '.join(columns)} {_UNIT}", [lam_obs, *columns.values()])


def write_input_res(
    path: str | os.PathLike[str],
    lam: ArrayLike,
    model: ArrayLike,
    observed: ArrayLike | None = None,
    error: ArrayLike | None = None,
) -> None:
    """Write the model in the bands and channels of the data, beside the data.

    Parameters
    ----------
    path : path-like
    lam : array (nband,)
        Mean wavelength, Angstrom.
    model : array (nband,)
        Flux density, 1e-19 erg/s/cm2/A.
    observed, error : array (nband,), optional
        The data; flux 0 and error inf where a band is masked. Left out where there are no data (MAKE_SEDS).

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    if observed is None or error is None:
        write_columns(path, f"wl fl {_UNIT}", [lam, model])
    else:
        write_columns(path, f"wl fl_model fl_obs unc_obs {_UNIT}", [lam, model, observed, error])
