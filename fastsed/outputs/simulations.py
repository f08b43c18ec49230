"""Results of the simulations of one source: their best models in, a FITS table out."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fastsed.atomic import atomic_write


def write_simulations(
    path: str | os.PathLike[str], names: Sequence[str], result: ArrayLike, chi2: ArrayLike
) -> None:
    """Write a table of one row: RESULT [parameter, simulation], PARAMS (the names), CHI2 [simulation].

    Parameters
    ----------
    path : path-like
        Usually `best_fits/<catalog>_<id>.sims.fits`.
    names : sequence of str, length nparam
        Axes of the grid, then properties.
    result : array (nparam, nsim)
        Values of the best model of each simulation, as stored (masses are not logarithms).
    chi2 : array (nsim,)

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    from astropy.io import fits

    labels = np.array([name.encode() for name in names])
    result, chi2 = np.asarray(result), np.asarray(chi2)
    row = np.zeros(
        1,
        dtype=[
            ("RESULT", ">f4", result.shape),
            ("PARAMS", labels.dtype, labels.shape),
            ("CHI2", ">f4", chi2.shape),
        ],
    )
    row["RESULT"], row["PARAMS"], row["CHI2"] = result, labels, chi2
    content = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(row)]).writeto(content)
    with atomic_write(path, "wb", sync=False) as f:
        f.write(content.getvalue())
