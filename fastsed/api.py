"""The library: parameter files, tables or arrays in, `Results` out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed import results as plain
from fastsed.atomic import atomic_path
from fastsed.errors import InputError
from fastsed.fit.best_fit import BestFits
from fastsed.models.properties import property_names
from fastsed.models.spectrum import SpectrumBuilder
from fastsed.outputs.best_sfhs import best_history
from fastsed.outputs.catalogue_table import catalogue_columns
from fastsed.outputs.fout import write_fout
from fastsed.params import read_params
from fastsed.pipeline import run as run_pipeline
from fastsed.problem import Problem
from fastsed.quantities import axis_quantities, property_quantities
from fastsed.uncertainties import scaled_properties
from fastsed.verdict.finding import Finding

if TYPE_CHECKING:
    from astropy.table import Table

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

_FORMATS = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv"}


@dataclass(frozen=True)
class Sed:
    """Spectrum of the best model of a source, and its fluxes beside the data.

    Attributes
    ----------
    wavelength : (nlam,)
        Observed [Angstrom].
    flux : (nlam,)
        [1e-19 erg/s/cm2/Angstrom].
    band_wavelength : (nband,)
        Mean wavelength of each band [Angstrom].
    model_flux, data_flux, data_error : (nband,)
        [1e-19 erg/s/cm2/Angstrom]; a band without data has an infinite error.
    """

    wavelength: Floats
    flux: Floats
    band_wavelength: Floats
    model_flux: Floats
    data_flux: Floats
    data_error: Floats


@dataclass(frozen=True)
class Sfh:
    """Star formation history of the best model of a source.

    Attributes
    ----------
    time : (nt,)
        Since the Big Bang [yr]; the last is the time at which the source is seen.
    sfr : (nt,)
        Star formation rate [Msun/yr].
    """

    time: Floats
    sfr: Floats


class Results:
    """What a fit found.

    Not to be made directly: `fastsed.fit`, `fastsed.run` and `fastsed.merge` return it.
    """

    def __init__(self, found: plain.Results, problem: Problem):
        self._plain, self._problem = found, problem
        self._rows = {str(one): row for row, one in enumerate(found.ids)}

    def __repr__(self) -> str:
        n_fitted = int(np.count_nonzero(self.fitted))
        names = ", ".join(column.name for column in self._plain.columns)
        return f"<Results: {n_fitted} of {len(self)} sources fitted; {names}>"

    def __len__(self) -> int:
        return self._plain.n_sources

    @property
    def best(self) -> BestFits:
        """Best fits: `model_id`, `chi2` (not reduced), `scale`, ..., (nsource,) each."""
        return self._plain.best

    @property
    def fitted(self) -> NDArray[np.bool_]:
        """Which sources have a fit, (nsource,)."""
        return self._plain.fitted

    @property
    def verdict(self) -> tuple[Finding, ...]:
        """What is unusual, and what is not, about the inputs and the best fits."""
        return self._plain.verdict

    @cached_property
    def table(self) -> Table:
        """The output catalogue: names, order and values of the `.fout` columns, with units and descriptions."""
        from astropy.table import Table

        table = Table()
        for column in catalogue_columns(self._plain):
            table[column.name] = column.values
            table[column.name].unit = column.unit or None
            table[column.name].description = column.description
        table.meta["comments"] = [line for line in self._plain.provenance if line]
        return table

    def quantity(self, name: str) -> Floats:
        """Any axis or property of the best fits, also such as are no columns of the table.

        Parameters
        ----------
        name : str
            As in OUTPUT_COLUMNS.

        Returns
        -------
        float64 array (nsource,)
            As the column of this name, not rounded: log10 where the name begins with l, magnitudes for M<n>. NaN
            for sources without a fit.

        Raises
        ------
        InputError
            If there is no such quantity.
        """
        problem, best = self._problem, self.best
        if name in ("chi2", "nmodel"):
            return self._plain.values[name].astype(float)
        indices = {index.name: index.kind for index in problem.grid.indices}
        known = [*axis_quantities(problem.params), *property_quantities(problem.params, indices)]
        by_name = {quantity.name: quantity for quantity in known}
        if name not in by_name:
            raise InputError(f"there is no quantity '{name}'; known are chi2, nmodel, {', '.join(by_name)}")
        values = np.full(len(self), np.nan)
        rows = np.flatnonzero(self.fitted)
        models = best.model_id[rows]
        if name in property_names(problem.grid):
            found = scaled_properties(problem, models, best.scale[rows], best.spec_scale[rows], [name])
            values[rows] = found[name]
        else:
            values[rows] = problem.grid.axes.parameters(models)[name]
        return np.asarray(by_name[name].shown(values))

    def sed(self, identity: Any) -> Sed:
        """Spectrum of the best model of a source.

        Parameters
        ----------
        identity : object
            Its id in the catalogue.

        Raises
        ------
        InputError
            If there is no such source, or it has no fit.
        """
        row, grid = self._row(identity), self._problem.grid
        model, scale = int(self.best.model_id[row]), float(self.best.scale[row])
        builder = SpectrumBuilder(grid)
        wavelength, flux = builder.observed(model)
        data, bands = self._problem.data, grid.rows.bands
        return Sed(
            wavelength=wavelength,
            flux=scale * flux,
            band_wavelength=np.array([band.mean_wavelength for band in grid.bands]),
            model_flux=scale * builder.band_fluxes(model),
            data_flux=data.value[row, bands],
            data_error=np.sqrt(data.variance[row, bands]),
        )

    def sfh(self, identity: Any, step: float = 10.0) -> Sfh:
        """Star formation history of the best model of a source.

        Parameters
        ----------
        identity : object
            Its id in the catalogue.
        step : float
            Between times [Myr].

        Raises
        ------
        InputError
            If there is no such source, or it has no fit.
        """
        row = self._row(identity)
        model, scale = int(self.best.model_id[row]), float(self.best.scale[row])
        return Sfh(*best_history(self._problem.grid, model, scale, step))

    def _row(self, identity: Any) -> int:
        row = self._rows.get(str(identity))
        if row is None:
            raise InputError(f"there is no source '{identity}'")
        if not self.fitted[row]:
            raise InputError(f"the source '{identity}' has no fit")
        return row

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the output catalogue; the suffix says in which format.

        Parameters
        ----------
        path : path-like
            `.fout` as FAST does; `.ecsv` or `.csv` as tables.

        Returns
        -------
        Path

        Raises
        ------
        InputError
            For another suffix, or if the file cannot be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix == ".fout":
            return write_fout(self._plain, path, self._problem.params.output_precision)
        if suffix not in _FORMATS:
            known = ", ".join([".fout", *_FORMATS])
            raise InputError(f"a suffix that says the format is needed: one of {known}", path)
        with atomic_path(path) as temporary:
            self.table.write(temporary, format=_FORMATS[suffix], overwrite=True)
        return Path(path)


def run(
    path: str | os.PathLike[str] | None = None,
    /,
    *,
    progress: Callable[[int], None] | None = None,
    **keys: Any,
) -> Results | None:
    """Fit a catalogue as a parameter file says, and write the files that the command writes.

    Parameters
    ----------
    path : path-like, optional
        A parameter file of FAST or FAST++.
    progress : callable, optional
        Called with the number of models done, piece by piece.
    **keys
        Values that replace those of the file; names in lower or upper case.

    Returns
    -------
    Results or None
        None with MAKE_SEDS: the spectra of its list are written then, and nothing is fitted.

    Raises
    ------
    InputError
        For anything wrong with the parameters or the inputs.
    """
    problems: list[Problem] = []

    def begin(problem: Problem) -> Callable[[int], None] | None:
        problems.append(problem)
        return progress

    found = run_pipeline(read_params(path, **keys), begin)
    return None if found is None else Results(found, problems[0])


def merge(parts: Sequence[Results]) -> Results:
    """Results of the parts of a catalogue, all fitted alike, as those of the whole.

    Parameters
    ----------
    parts : sequence of Results
        In the order of the catalogue.

    Returns
    -------
    Results
        Equal, bit by bit, to those of one fit of the whole catalogue.

    Raises
    ------
    InputError
        If there are none, or they are of different models, columns or intervals.
    """
    try:
        found = plain.Results.concatenated([part._plain for part in parts])
    except ValueError as error:
        raise InputError(str(error)) from error
    return Results(found, parts[0]._problem.joined([part._problem for part in parts]))
