"""Photometric redshifts: an EAzY `.zout` file and the catalogue's ids in, redshifts and their bounds out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastsed.errors import InputError
from fastsed.inputs.tables import find_column, line_of_row, read_header, read_table
from fastsed.params import Params

log = logging.getLogger(__name__)

INTERVALS = (68, 95, 99)
"""Confidence intervals that a `.zout` file may hold, in percent."""


@dataclass
class PhotoZ:
    """Redshifts of the catalogue's sources, in its order; NaN where there is none.

    Attributes
    ----------
    z_phot, z_spec : float64 (nsource,)
    lower, upper : float64 (nsource,)
        Confidence interval of z_phot.
    """

    z_phot: NDArray[np.float64]
    z_spec: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def find_photoz(params: Params, ids: Sequence[str]) -> PhotoZ | None:
    """Read the `.zout` file beside the catalogue; None where there is none.

    Raises
    ------
    InputError
        As `read_photoz`, and where C_INTERVAL asks for intervals that do not go with photometric redshifts.
    """
    path = Path(params.catalog + ".zout")
    if not path.is_file():
        return None
    with_intervals = params.n_sim > 0 or params.interval_from_chi2
    odd = [c for c in params.c_interval if not np.isclose(c, INTERVALS, atol=0.01).any()]
    if with_intervals and odd:
        raise InputError(
            f"C_INTERVAL = {odd[0]:g}: with photometric redshifts ('{path}') it must be 68, 95 or 99",
            params.path or None,
        )
    return read_photoz(path, ids, params.name_zphot, 0 if params.force_zphot else params.zphot_conf)


def read_photoz(
    path: str | Path, ids: Sequence[str], name_zphot: str = "z_phot", confidence: int = 0
) -> PhotoZ:
    """Read photometric redshifts.

    Redshifts that are not above 0 count as none; so do bounds, and intervals whose lower bound is above the
    upper one.

    Parameters
    ----------
    path : path-like
        Table with the columns ID and `name_zphot`, and maybe Z_SPEC, L68, U68, L95, U95, L99, U99.
    ids : sequence of str
        The catalogue's ids; the table must hold the same in the same order.
    name_zphot : str
    confidence : {0, 68, 95, 99}
        The interval to read; 0 for none.

    Raises
    ------
    InputError
        For a missing column, a malformed row, or other sources than the catalogue's.
    """
    log.info("reading photometric redshifts from '%s'", path)
    header = read_header(path)
    wanted = [name_zphot] + ([f"L{confidence}", f"U{confidence}"] if confidence else [])
    if "Z_SPEC" in (name.upper() for name in header):
        wanted.append("Z_SPEC")
    positions = [find_column(header, name, path) for name in wanted]
    table = read_table(path, header, texts=[find_column(header, "ID", path)], numbers=positions)
    check_same_ids(path, table.texts[0], ids)

    columns = {name: _positive(table.numbers[:, i]) for i, name in enumerate(wanted)}
    none = np.full(len(ids), np.nan)
    lower, upper = columns.get(f"L{confidence}", none).copy(), columns.get(f"U{confidence}", none).copy()
    inverted = lower > upper
    if inverted.any():
        log.warning(
            "%s: %d intervals have L%d > U%d and are ignored", path, inverted.sum(), confidence, confidence
        )
        lower[inverted] = upper[inverted] = np.nan
    return PhotoZ(columns[name_zphot], columns.get("Z_SPEC", none), lower, upper)


def check_same_ids(path: str | Path, found: Sequence[str], ids: Sequence[str]) -> None:
    """Check that a file lists the sources of the catalogue, in its order.

    Raises
    ------
    InputError
        That names the first line which differs.
    """
    for row, (one, other) in enumerate(zip(found, ids, strict=False)):
        if one != other:
            raise InputError(
                f"source '{one}' stands where the catalogue has '{other}': both files must list the same "
                "sources in the same order",
                path,
                line_of_row(path, row),
            )
    if len(found) != len(ids):
        raise InputError(f"lists {len(found)} sources, but the catalogue {len(ids)}", path)


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values that are finite and above 0, NaN for the others."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)
