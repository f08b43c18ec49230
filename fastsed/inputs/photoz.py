"""Photometric redshifts: an EAzY `.zout` file and the catalogue's ids in, redshifts and their bounds out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fastsed.arrays import Floats, Ints
from fastsed.config.run import RunOptions
from fastsed.errors import InputError
from fastsed.inputs.tables import NamedTable, SourceTable, TextTable, needs, same_id
from fastsed.paths import for_system

log = logging.getLogger(__name__)

INTERVALS = (68, 95, 99)
"""Confidence intervals that a `.zout` file may hold, in percent."""

EAZY_PY_NAMES = {"L68": "z160", "U68": "z840", "L95": "z025", "U95": "z975"}
"""What eazy-py calls the bounds: percentiles of the probability, in thousandths."""


@dataclass
class PhotoZ:
    """Redshifts of the catalogue's sources, in its order; NaN where there is none.

    Attributes
    ----------
    z_phot, z_spec : float64 (nsource,)
    lower, upper : float64 (nsource,)
        Confidence interval of z_phot.
    n_intervals : int
        How many intervals the file holds, if one of them is used.
    path : str
        The file they come from.
    """

    z_phot: Floats
    z_spec: Floats
    lower: Floats
    upper: Floats
    n_intervals: int = 0
    path: str = ""

    @property
    def n_values(self) -> int:
        """Redshifts and bounds of all sources: fewer than redshifts of the grid make a grid of their own in FAST++."""
        return len(self.z_phot) * (1 + 2 * self.n_intervals)

    @classmethod
    def concatenated(cls, parts: Sequence[PhotoZ]) -> PhotoZ:
        """The redshifts of the parts of a catalogue as those of the whole, in order."""
        names = ("z_phot", "z_spec", "lower", "upper")
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in names
        }
        return replace(parts[0], **joined)

    def part(self, rows: Ints) -> PhotoZ:
        """The redshifts of some of the sources."""
        chosen = {name: getattr(self, name)[rows] for name in ("z_phot", "z_spec", "lower", "upper")}
        return replace(self, **chosen)


def photoz_paths(params: RunOptions) -> list[str]:
    """The photometric redshifts beside the catalogue, EAzY's and eazy-py's; the first file counts."""
    candidates = [params.catalog_stem + ending for ending in (".zout", ".zout.fits")]
    return [path for path in candidates if Path(for_system(path)).is_file()]


def find_photoz(params: RunOptions, ids: Sequence[str]) -> PhotoZ | None:
    """Read the photometric redshifts beside the catalogue; None where there are none.

    Raises
    ------
    InputError
        As `read_photoz`, and where C_INTERVAL asks for intervals that do not go with photometric redshifts.
    """
    paths = photoz_paths(params)
    if not paths:
        return None
    path = paths[0]
    if len(paths) > 1:
        log.info("'%s' is not read: '%s' precedes it", paths[1], path)
    with_intervals = params.n_sim > 0 or params.interval_from_chi2
    odd = [c for c in params.c_interval if not np.isclose(c, INTERVALS, atol=0.01).any()]
    if with_intervals and odd:
        raise InputError(
            f"C_INTERVAL = {odd[0]:g}: with photometric redshifts ('{path}') it must be 68, 95 or 99",
            params.where("c_interval"),
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
        Table with the columns ID and `name_zphot`, and maybe Z_SPEC, L68, U68, L95, U95, L99, U99, or eazy-py's z160,
        z840, z025, z975; FITS where its name ends so, else text.
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
    is_fits = str(path).endswith(".fits")
    table = _fits_table(path) if is_fits else TextTable(path, needs("ID", name_zphot))
    positions = {name_zphot: table.find(name_zphot)}
    for bound in (f"L{confidence}", f"U{confidence}") if confidence else ():
        positions[bound] = _find_bound(table, bound)
    if table.has("Z_SPEC"):
        positions["Z_SPEC"] = table.find("Z_SPEC")
    read = table.read(texts=[table.find("ID")], numbers=list(positions.values()))
    check_same_ids(table, read.texts[0], ids)

    columns = {name: _positive(read.numbers[:, i]) for i, name in enumerate(positions)}
    none = np.full(len(ids), np.nan)
    lower, upper = columns.get(f"L{confidence}", none).copy(), columns.get(f"U{confidence}", none).copy()
    inverted = lower > upper
    if inverted.any():
        log.warning(
            "%s: %d intervals have L%d > U%d and are ignored", path, inverted.sum(), confidence, confidence
        )
        lower[inverted] = upper[inverted] = np.nan
    pairs = [[table.has(_name_of_bound(table, f"{end}{c}")) for end in "LU"] for c in INTERVALS]
    n_intervals = sum(map(all, pairs)) if confidence else 0
    return PhotoZ(columns[name_zphot], columns.get("Z_SPEC", none), lower, upper, n_intervals, str(path))


def _find_bound(table: NamedTable, bound: str) -> int:
    """Position of a bound under EAzY's name or, where there is none, under that of eazy-py."""
    name = _name_of_bound(table, bound)
    if not table.has(name) and bound in EAZY_PY_NAMES:
        known = ", ".join(table.names[:40])
        raise InputError(
            f"has no column {bound}, nor {EAZY_PY_NAMES[bound]}, eazy-py's name for it; its header names {known}",
            table.path,
        )
    if name != bound:
        log.info("%s: %s is taken for %s, as eazy-py names it", table.path, name, bound)
    return table.find(name)


def _name_of_bound(table: NamedTable, bound: str) -> str:
    """The name that a table has for a bound."""
    other = EAZY_PY_NAMES.get(bound, bound)
    return other if table.has(other) and not table.has(bound) else bound


def check_same_ids(table: NamedTable, result: Sequence[str], ids: Sequence[str]) -> None:
    """Check that a file lists the sources of the catalogue, in its order; 1 and 1.0 are the same id.

    Raises
    ------
    InputError
        That names the first line which differs.
    """
    for row, (one, other) in enumerate(zip(result, ids, strict=False)):
        if not same_id(one, other):
            raise table.error(
                f"source '{one}' stands where the catalogue has '{other}': both files must list the same "
                "sources in the same order",
                row,
            )
    if len(result) != len(ids):
        raise InputError(f"lists {len(result)} sources, but the catalogue {len(ids)}", table.path)


def _positive(values: Floats) -> Floats:
    """The values that are finite and above 0, NaN for the others."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _fits_table(path: str | Path) -> SourceTable:
    from fastsed.tables.readers import read_table

    return SourceTable(read_table(path))
