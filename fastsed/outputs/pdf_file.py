"""The posteriors of all sources: parts of a catalogue in, as they are found; an HDF5 file out; and how to read it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats
from fastsed.errors import InputError
from fastsed.fitting.passes import posteriors_together
from fastsed.fitting.posterior import Posterior
from fastsed.fitting.posterior_estimates import Histograms, PosteriorEstimates, binned, common_bins
from fastsed.foreign import parser_errors
from fastsed.hdf5_file import atomic_hdf5, open_hdf5
from fastsed.models.cells import cell_edges
from fastsed.outputs.paths import pdf_path
from fastsed.quantities import Quantity, axis_quantities
from fastsed.spool import Spool

if TYPE_CHECKING:
    import h5py

    from fastsed.problem import Problem

# rows of a data set that are in memory together
ROWS_AT_ONCE = 1024


class Posteriors:
    """Posteriors of the parts of a catalogue, in order; PDFs of many sources go from temporary files to their own.

    Parameters
    ----------
    problem : Problem
    write_files : bool
        Whether files are written. PDFs are kept in memory where they are not, and for catalogues of one part.
    """

    def __init__(self, problem: Problem, write_files: bool):
        few = problem.data.n_sources <= posteriors_together(len(problem.described))
        self._problem, self._in_memory = problem, few or not write_files
        self._parts: list[PosteriorEstimates] = []
        self._waiting = _Waiting() if write_files and problem.params.save_pdf else None

    def add(self, reducer: Posterior) -> None:
        """Take the result of the next part."""
        probabilities = [percent / 100 for percent in self._problem.params.posterior_percentiles]
        with_pdfs = self._in_memory or self._waiting is not None
        part = reducer.result(probabilities, with_pdfs)
        if self._waiting is not None:
            self._waiting.add(part)
        if not self._in_memory:
            part = replace(part, histograms={}, axis_pdf={})
        self._parts.append(part)

    def result(self) -> PosteriorEstimates:
        """All of them; the file is written."""
        results = PosteriorEstimates.concatenated(self._parts)
        if self._waiting is not None:
            problem = self._problem
            quantities = {q.name: q for q in (*axis_quantities(problem.params), *problem.described)}
            with self._waiting as waiting, atomic_hdf5(pdf_path(problem.params)) as file:
                waiting.write(file, problem.catalog.ids, quantities, results)
        return results


class _Waiting:
    """PDFs of the parts so far: those of axes as rows, those of properties as histograms of their own."""

    def __init__(self) -> None:
        self._spools: dict[str, Spool] = {}
        self._shapes: dict[str, list[Histograms]] = {}

    def __enter__(self) -> _Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        for spool in self._spools.values():
            spool.close()

    def add(self, part: PosteriorEstimates) -> None:
        """Put the PDFs of a part aside."""
        for name, pdf in part.axis_pdf.items():
            self._spool(name).append(np.ascontiguousarray(pdf).ravel())
        for name, histograms in part.histograms.items():
            if len(histograms.weights):
                self._spool(name).append(histograms.weights)
            self._shapes.setdefault(name, []).append(replace(histograms, weights=np.empty(0)))

    def _spool(self, name: str) -> Spool:
        if name not in self._spools:
            self._spools[name] = Spool(np.dtype(np.float64))
        return self._spools[name]

    def write(
        self, file: h5py.File, ids: Any, quantities: Mapping[str, Quantity], results: PosteriorEstimates
    ) -> None:
        """Write all of them, a few sources at a time."""
        import h5py

        file.create_dataset("id", data=[str(one) for one in ids], dtype=h5py.string_dtype())
        for name, values in results.axis_values.items():
            group = _group(file, quantities[name])
            group["edges"], group["values"] = cell_edges(values), values
            data = group.create_dataset("pdf", (len(ids), len(values)), dtype="f4")
            start = 0
            for piece in self._spool(name).pieces(len(values) * ROWS_AT_ONCE):
                rows = piece.reshape(-1, len(values))
                data[start : start + len(rows)] = rows
                start += len(rows)
        for name in self._shapes:
            self._write_property(_group(file, quantities[name]), name, results.without_value[name])

    def _write_property(self, group: h5py.Group, name: str, without_value: Floats) -> None:
        shapes = Histograms.concatenated(self._shapes[name])
        bins, n = common_bins([shapes]), len(shapes)
        group["edges"] = bins.edges
        data = group.create_dataset("pdf", (n, bins.n), dtype="f4")
        rows = [*range(0, n, ROWS_AT_ONCE), n]
        weights = self._spool(name).in_runs([int(shapes.counts[a:b].sum()) for a, b in pairwise(rows)])
        for (start, stop), part_weights in zip(pairwise(rows), weights, strict=True):
            few = slice(start, stop)
            part = Histograms(shapes.low[few], shapes.counts[few], shapes.per_step[few], part_weights)
            data[few] = binned(part, bins, without_value[few])


def _group(file: h5py.File, quantity: Quantity) -> h5py.Group:
    group = file.create_group(quantity.name)
    group.attrs["unit"], group.attrs["description"] = quantity.table_unit, quantity.meaning
    return group


@dataclass(frozen=True, repr=False)
class Pdfs:
    """The posteriors of a file of SAVE_PDF.

    Attributes
    ----------
    id : (nsource,)
        Identifiers of the sources.
    edges : dict of str to (nbin + 1,)
        Of the bins of each axis and property, the same for all sources.
    pdfs : dict of str to (nsource, nbin)
        Probability of each bin; NaN for sources without a posterior.
    unit, description : dict of str to str
    """

    id: NDArray[Any]
    edges: dict[str, Floats]
    pdfs: dict[str, Floats]
    unit: dict[str, str]
    description: dict[str, str]

    def __repr__(self) -> str:
        return f"<Pdfs: {len(self.id)} sources; {', '.join(self.names)}>"

    @property
    def names(self) -> list[str]:
        """Axes and properties."""
        return list(self.edges)

    def pdf(self, name: str) -> tuple[Floats, Floats]:
        """Edges (nbin + 1,) of the bins and probability of each (nsource, nbin).

        Parameters
        ----------
        name : str
            Of an axis or property.
        """
        if name not in self.edges:
            raise KeyError(f"no posterior of '{name}': there are {', '.join(self.names)}")
        return self.edges[name], self.pdfs[name]


def read_pdf(path: str | os.PathLike[str]) -> Pdfs:
    """Read the posteriors that SAVE_PDF wrote.

    Parameters
    ----------
    path : path-like
        `<OUTPUT_FILE>_pdf.hdf5`.

    Returns
    -------
    Pdfs
        All of them, in memory.

    Raises
    ------
    InputError
        If there is no such file, or it holds something else.
    """
    import h5py

    with open_hdf5(path) as file, parser_errors(path, "a file of posteriors (SAVE_PDF)"):
        groups = {name: group for name, group in file.items() if isinstance(group, h5py.Group)}
        if "id" not in file or not all("edges" in g and "pdf" in g for g in groups.values()):
            raise InputError("holds no posteriors: expected `id` and groups with `edges` and `pdf`", path)
        return Pdfs(
            np.array(file["id"].asstr()[:]),
            {name: group["edges"][:] for name, group in groups.items()},
            {name: group["pdf"][:].astype(np.float64) for name, group in groups.items()},
            {name: str(group.attrs.get("unit", "")) for name, group in groups.items()},
            {name: str(group.attrs.get("description", "")) for name, group in groups.items()},
        )
