"""Models of stars for Python callers: BEAST's grid and observation model, a table of stars in; statistics out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.fitting.stars.options import FitOptions
from fastsed.fitting.stars.results import FITTED
from fastsed.survey.generated_models import open_models
from fastsed.survey.star_catalogue import StarCatalogue
from fastsed.survey.star_fits import stars_statistics
from fastsed.survey.vega import read_vega
from fastsed.tables.columns import Column, ColumnSource

if TYPE_CHECKING:
    from astropy.table import Table

    from fastsed.arrays import Mask


@dataclass(frozen=True)
class StarModel:
    """A grid of models of stars, and how they are observed.

    Use `StarModel.read`. The files are opened when stars are fitted.

    Attributes
    ----------
    grid, noise : str
    vega : str
        '' for none.
    """

    grid: str
    noise: str
    vega: str = ""

    @classmethod
    def read(
        cls,
        grid: str | os.PathLike[str],
        noise: str | os.PathLike[str] | None = None,
        *,
        vega: str | os.PathLike[str] | None = None,
    ) -> StarModel:
        """A grid and an observation model of BEAST's, in its formats.

        Parameters
        ----------
        grid : path-like
            Grid of model fluxes (HDF5 or FITS), or the settings of one (.toml), which is made as it is needed.
        noise : path-like
            Observation model; `fastsed-survey noise` makes it.
        vega : path-like, optional
            Fluxes of Vega; needed by fits of rates (unit="vega").

        Returns
        -------
        StarModel

        Raises
        ------
        InputError
            If a file is missing, or they do not belong together.
        """
        if noise is None:
            raise InputError(
                "an observation model is needed; `fastsed-survey noise splinter GRID -o FILE` makes the simplest",
                grid,
            )
        model = cls(os.fspath(grid), os.fspath(noise), os.fspath(vega) if vega is not None else "")
        model.filters  # noqa: B018 (reads the files)
        return model

    @cached_property
    def filters(self) -> tuple[str, ...]:
        """Names of the filters, in the order of the grid."""
        with open_models(self.grid, self.noise, None) as source:
            return tuple(source.filters)

    def __repr__(self) -> str:
        return f"<StarModel: {Path(self.grid).name}, {Path(self.noise).name}>"


class StarResults:
    """What a fit of stars found.

    Not to be made directly: `fastsed.fit` returns it.

    Parameters
    ----------
    table : astropy Table
        The columns of BEAST's stats file.
    """

    def __init__(self, table: Table):
        self.table = table

    def __repr__(self) -> str:
        return f"<StarResults: {int(np.count_nonzero(self.fitted))} of {len(self)} stars fitted>"

    def __len__(self) -> int:
        return len(self.table)

    @property
    def fitted(self) -> Mask:
        """Which stars have a fit, (nstar,)."""
        return np.asarray(self.table["fit_status"] == FITTED)

    def write(self, path: str | os.PathLike[str], format: str | None = None) -> Path:
        """Write the table.

        Parameters
        ----------
        path : path-like
            Its suffix tells the format, as in `Results.write`.
        format : str, optional
            In place of what the suffix tells.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            For another format, or if the file cannot be written.
        """
        from fastsed.tables.writers import write_table

        columns = [Column(name, np.asarray(self.table[name])) for name in self.table.colnames]
        return write_table(path, columns, kind=format)


def fit_stars(
    source: ColumnSource,
    model: StarModel,
    bands: Mapping[Any, str],
    unit: str,
    identity: str | None,
    options: FitOptions,
    n_threads: int | None,
    progress: Callable[[int], None] | None = None,
) -> StarResults:
    """Fit the stars of a table.

    Parameters
    ----------
    source : ColumnSource
        The table.
    model : StarModel
    bands : mapping
        Filter of the grid -> column of its fluxes.
    unit : str
        "vega" for rates, fluxes relative to those of Vega; else F_lambda in erg/s/cm2/Angstrom.
    identity : str or None
        Column of identifiers.
    options : FitOptions
    n_threads : int or None
    progress : callable, optional
        Called with the number of stars done, batch by batch.

    Raises
    ------
    InputError
        For anything wrong with the table or the models.
    """
    fluxes = _fluxes(source, model, bands, unit)
    ids = source.read([identity])[0].values if identity is not None else None
    positions = {name: _positions(source, name) for name in ("RA", "DEC")}
    both = positions["RA"] is not None and positions["DEC"] is not None
    stars = StarCatalogue(
        Path(""), fluxes, positions["RA"] if both else None, positions["DEC"] if both else None
    )
    with open_models(model.grid, model.noise, None) as models:
        rows = stars_statistics(models, stars, options, n_threads, progress)
    from astropy.table import Table

    table = Table(rows)
    if ids is not None:
        table.add_column(ids, index=0, name="id" if "id" not in table.colnames else identity)
    return StarResults(table)


def _fluxes(source: ColumnSource, model: StarModel, bands: Mapping[Any, str], unit: str) -> Floats:
    """F_lambda [erg/s/cm2/Angstrom] of the stars in the filters of the grid, (nstar, nfilter)."""
    given, filters = {str(band): name for band, name in bands.items()}, model.filters
    unknown = [band for band in given if band not in filters]
    missing = [name for name in filters if name not in given]
    if unknown or missing:
        wrong = (
            f"{', '.join(unknown)} is no filter of the grid"
            if unknown
            else f"no column for {', '.join(missing)}"
        )
        raise InputError(f"bands: {wrong}; the grid has {', '.join(filters)}")
    columns = source.read([given[name] for name in filters])
    fluxes = np.stack([column.numbers() for column in columns], axis=1)
    for column in columns:
        if column.unit and (unit.lower() == "vega" or not _is_flux_density(column.unit)):
            raise InputError(
                f"column {column.name} is in {column.unit}: expected {unit}, or no unit", column.path
            )
    if unit.lower() == "vega":
        if not model.vega:
            raise InputError("unit='vega' needs the fluxes of Vega: StarModel.read(grid, noise, vega=FILE)")
        return fluxes * read_vega(model.vega, filters)
    if not _is_flux_density(unit):
        raise InputError(f"unit = '{unit}': expected 'vega' or 'erg/s/cm2/A'")
    return fluxes


def _is_flux_density(unit: str) -> bool:
    return unit.replace(" ", "") in ("erg/s/cm2/A", "erg/s/cm2/Angstrom", "erg/(scm2Angstrom)")


def _positions(source: ColumnSource, name: str) -> Floats | None:
    """A coordinate [deg], if the table has it."""
    if not any(known.upper() == name for known in source.names):
        return None
    (column,) = source.read([name])
    return column.numbers()
