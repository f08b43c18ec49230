"""The output catalogue: results of the fit, row by row, in; a FAST `.fout` text file out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastsed._version import __version__
from fastsed.arrays import Singles
from fastsed.atomic import atomic_write
from fastsed.columns import confidence_labels
from fastsed.config.run import RunOptions
from fastsed.library.find import with_defaults
from fastsed.outputs.posterior_columns import posterior_columns
from fastsed.quantities import Quantity
from fastsed.results import Results

LIBRARIES = {
    "bc03": "Bruzual & Charlot (2003)",
    "ma05": "Maraston (2005)",
    "co11": "FSPS (Conroy et al.)",
}
HISTORIES = {
    "exp": "Exponentially declining SFH: SFR ~ exp(-t/tau)",
    "del": "Delayed exponential SFH: SFR ~ t exp(-t/tau)",
    "tru": "Truncated SFH: single burst of length tau",
}
IMFS = {"ch": "Chabrier", "sa": "Salpeter", "kr": "Kroupa"}

ROWS_PER_BLOCK = 65536
_WIDTHS = {"id": 8, "nmodel": 15, "chi2": 15}


@dataclass(frozen=True)
class FoutHeader:
    """First lines of the catalogue, without the leading "# ", up to and including the filters."""

    lines: tuple[str, ...]


def _history_text(params: RunOptions) -> str:
    averaging = f"(<SFR> over {params.sfr_avg:g} Myr)" if params.sfr_avg else "(inst. SFR)"
    if params.custom_sfh:
        return f"{params.custom_sfh} {averaging}"
    if params.my_sfh:
        return f"{params.my_sfh} {averaging}"
    return f"{HISTORIES.get(params.sfh, params.sfh):<46} {averaging}"


def _dust_lines(params: RunOptions, text: str) -> list[str]:
    line = f"Dust law:    {text}"
    return [line + " (with differential attenuation)", ""] if params.differential_a_v else [line]


def _range_line(label: str, limits: Sequence[float], precision: float, suffix: str = "") -> str:
    low, high = (f"{round_to(limit, precision):g}" for limit in limits[:2])
    return f"{label + ':':<12} {low:<8}- {high:<8}in steps of {limits[2]:g}{suffix}"


def _history_ranges(params: RunOptions, precision: float) -> list[str]:
    if params.custom_sfh:
        ranges = params.custom_ranges
        return [_range_line(name, ranges[name.lower()], precision) for name in params.custom_params]
    tau = (params.log_tau_min, params.log_tau_max, params.log_tau_step)
    return [] if params.my_sfh else [_range_line("log(tau/yr)", tau, precision)]


def build_header(
    params: RunOptions, bands: Sequence[int] | NDArray[np.int_], dust_text: str, photoz: str = ""
) -> FoutHeader:
    """Describe the set-up of a run as FAST does at the top of its catalogue.

    Parameters
    ----------
    params : RunOptions
    bands : sequence of int
        Filter numbers, in the order of the photometric catalogue.
    dust_text : str
        Name of the attenuation law, in words, from `DustLaw.describe`.
    photoz : str
        Path of the file of photometric redshifts that is used; empty if there is none.
    """
    optional = (
        ("Photometric redshift file", photoz),
        ("Spectrum file", params.spectrum),
        ("Template error function", params.temp_err_file),
        ("Template spectrum error function", params.temp_err_spec_file),
    )
    fine, coarse = params.output_precision or 1e-4, params.output_precision or 1e-2
    spacing = "logarithmic" if params.z_step_type else "linear"
    age = (params.log_age_min, params.log_age_max, params.log_age_step)
    young = (params.a_v_bc_min, params.a_v_bc_max, params.a_v_bc_step)
    library, _, imf = with_defaults(params.library, params.resolution, params.imf)
    lines = [f"fastsed version: {__version__}", f"Photometric catalog file: {params.catalog_path}"]
    lines += [f"{label}: {path}" for label, path in optional if path]
    lines += [
        f"AB ZP:       {params.ab_zeropoint:g}",
        f"Library:     {LIBRARIES.get(library, library)}",
        f"SFH:         {_history_text(params)}",
        f"Stellar IMF: {IMFS.get(imf, imf):<8}",
        *_dust_lines(params, dust_text),
        "metallicity: " + "  ".join(f"{metal:g}" for metal in params.metal),
        *_history_ranges(params, coarse),
        _range_line("log(age/yr)", age, coarse),
        _range_line("A_V", (params.a_v_min, params.a_v_max, params.a_v_step), coarse),
        *([_range_line("A_V_BC", young, coarse)] if params.differential_a_v else []),
        _range_line("z", (params.z_min, params.z_max, params.z_step), fine, f" ({spacing})"),
        "Filters:     " + "  ".join(f"{band:d}" for band in bands),
    ]
    return FoutHeader(tuple(lines))


def round_to(values: ArrayLike, precision: float) -> Singles:
    """Round to the nearest multiple of `precision`, halves away from zero, in single precision."""
    step = np.float32(precision)
    ratio = np.asarray(values, dtype=np.float32) / step
    whole = np.trunc(ratio)
    with np.errstate(invalid="ignore"):
        away = np.abs(ratio - whole) >= 0.5
    rounded: Singles = (whole + np.copysign(away.astype(np.float32), ratio)) * step
    return rounded


def printed_values(column: Quantity, values: ArrayLike) -> Singles:
    """Values as the catalogue shows them: transformed, -99 and 99 for the infinities, rounded.

    Parameters
    ----------
    column : Quantity
    values : array_like of float
        As stored (linear masses and rates, fluxes in uJy for magnitudes). NaN and the logarithm of a negative
        number give NaN; what is 0 in single precision, as FAST++ keeps it, gives -99.
    """
    return round_to(unrounded_values(column, values), column.precision)


def unrounded_values(column: Quantity, values: ArrayLike) -> NDArray[np.float64]:
    """As `printed_values`, but not rounded; axes as the decimal numbers that their single precision stands for."""
    with np.errstate(over="ignore", under="ignore"):
        single = np.asarray(values).astype(np.float32)
    shown = _decimal(single) if column.kind == "grid" else column.shown(single)
    return np.nan_to_num(shown, nan=np.nan, posinf=99, neginf=-99)


def _decimal(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The shortest decimal numbers that are these in single precision: 0.09, not 0.09000000357."""
    distinct, inverse = np.unique(values, return_inverse=True)
    return distinct.astype(str).astype(np.float64)[inverse].reshape(values.shape)


def printed_bounds(column: Quantity, bounds: ArrayLike) -> Singles:
    """Intervals (..., 2), lower bound first, as the catalogue shows them."""
    shown = printed_values(column, bounds)
    # the lower flux is the upper magnitude
    return shown[..., ::-1] if column.transform == "magnitude" else shown


def _texts(values: Singles) -> list[str]:
    """C++'s default text of each number; most are repeated, so that each is made once."""
    bits, inverse = np.unique(values.view(np.uint32), return_inverse=True)  # bits keep -0 apart from 0
    made = [f"{value:g}" for value in bits.view(np.float32).tolist()]
    texts: list[str] = np.array(made, dtype=object)[inverse].tolist()
    return texts


class FoutWriter:
    """Write the catalogue in pieces, for as many sources as one likes; the file appears when all is written.

    Use it as a context manager, or call `close`.

    Parameters
    ----------
    path : path-like
    header : FoutHeader
        From `build_header`.
    columns : sequence of Quantity
        From `fastsed.columns.output_columns`.
    confidences : sequence of float
        Percentages of the intervals that follow each value (68, 95...); empty for none.
    precision : float
        OUTPUT_PRECISION: sets the decimals of chi2 (0: six).
    longest_id : int
        Characters of the longest id; its column is one wider, and never narrower than FAST's.
    further : mapping of str to sequence of str, optional
        Names of the columns of posteriors that follow each column; those under "" come last.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        header: FoutHeader,
        columns: Sequence[Quantity],
        confidences: Sequence[float] = (),
        precision: float = 0.0,
        longest_id: int = 0,
        further: Mapping[str, Sequence[str]] | None = None,
    ):
        self._further, self._precision = dict(further or {}), precision
        self._columns, self._confidences = list(columns), confidence_labels(confidences)
        self._widths = _WIDTHS | {"id": max(_WIDTHS["id"], longest_id + 2)}
        self._decimals = round(-np.log10(precision)) if precision else 6
        with ExitStack() as stack:
            self._file: IO[Any] = stack.enter_context(atomic_write(path))
            self._write_header(header)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def close(self) -> None:
        """Give the file its name."""
        self._stack.close()

    def _labels(self, column: Quantity) -> list[str]:
        bounds = [f"{side}{c}_{column.name}" for c in self._confidences for side in "lu"]
        further = self._further.get(column.name, ())
        return [column.name, *(bounds if column.has_interval else []), *further]

    def _write_header(self, header: FoutHeader) -> None:
        units = ", ".join(f"{column.name}: {column.unit}" for column in self._columns if column.unit)
        labels = [label for column in self._columns for label in self._labels(column)]
        labels += self._further.get("", ())
        titles = "".join(label.rjust(self._width(label)) for label in labels)
        lines = [*header.lines, *([units] if units else []), "For value=0. log[value] is set to -99"]
        self._file.writelines(f"# {line}\n" if line else "\n" for line in lines)
        self._file.write(f"#{titles[1:]}\n")

    def append_rows(
        self,
        ids: Sequence[str],
        values: Mapping[str, ArrayLike],
        intervals: Mapping[str, ArrayLike] | None = None,
        posteriors: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Write one row per source.

        Parameters
        ----------
        ids : sequence of str, length n
        values : mapping of str to array (n,)
            For each column but "id": values as stored (not yet log10), chi2 already reduced.
        intervals : mapping of str to array (n, nconfidence, 2), optional
            Lower and upper bounds of each column, as stored; needed if the writer has `confidences`.
        posteriors : mapping of str to array (n,), optional
            The columns of posteriors, as they are shown; needed if the writer has `further`.
        """
        stored = {name: np.asarray(v) for name, v in values.items()}
        bounds = {name: np.asarray(v) for name, v in (intervals or {}).items()}
        for start in range(0, len(ids), ROWS_PER_BLOCK):
            block = slice(start, start + ROWS_PER_BLOCK)
            cells: list[tuple[str, str, Sequence[Any]]] = []
            for column in self._columns:
                for label, texts in self._cells(column, ids, stored, bounds, block):
                    cells.append((label, "s", texts))
                for label in self._further.get(column.name, ()):
                    cells.append((label, ".6g", self._rounded((posteriors or {})[label][block])))
            for label in self._further.get("", ()):
                cells.append((label, ".6g", self._rounded((posteriors or {})[label][block])))
            line = self._line([(label, kind) for label, kind, _ in cells])
            self._file.writelines(line % row for row in zip(*(column for *_, column in cells), strict=True))

    def _line(self, cells: Sequence[tuple[str, str]]) -> str:
        """The format of a line of columns, each a label and a kind: to the right, with a blank before all but one."""
        (label, kind), *others = cells
        first = f"%{self._width(label)}{kind}"
        return first + "".join(f" %{self._width(label) - 1}{kind}" for label, kind in others) + "\n"

    def _cells(
        self,
        column: Quantity,
        ids: Sequence[str],
        values: Mapping[str, NDArray[Any]],
        intervals: Mapping[str, NDArray[Any]],
        rows: slice,
    ) -> list[tuple[str, list[str]]]:
        n_bounds = 2 * len(self._confidences) if column.has_interval else 0
        labels = self._labels(column)[: 1 + n_bounds]
        if column.name == "id":
            return [("id", list(ids[rows]))]
        column_values = values[column.name][rows]
        if column.name == "chi2":
            return [("chi2", [f"{value:.{self._decimals}e}" for value in column_values.tolist()])]
        if column.name == "nmodel":
            return [("nmodel", [str(value) for value in column_values.tolist()])]
        shown = [printed_values(column, column_values)]
        if len(labels) > 1:
            bounds = printed_bounds(column, intervals[column.name][rows])
            shown += list(np.ascontiguousarray(bounds.reshape(len(column_values), -1).T))
        return [(label, _texts(numbers)) for label, numbers in zip(labels, shown, strict=True)]

    def _rounded(self, values: NDArray[Any]) -> list[float]:
        """Numbers, or multiples of OUTPUT_PRECISION where that is set."""
        if self._precision:
            values = np.round(values / self._precision) * self._precision
        numbers: list[float] = values.tolist()
        return numbers

    def _width(self, label: str) -> int:
        return self._widths.get(label, max(10, len(label) + 1))


def write_fout(results: Results, path: str | os.PathLike[str], precision: float = 0.0) -> Path:
    """Write the output catalogue.

    Parameters
    ----------
    results : Results
    path : path-like
    precision : float
        OUTPUT_PRECISION: sets the decimals of chi2 (0: six).

    Returns
    -------
    Path
        Of the file.
    """
    ids = [str(one) for one in results.ids]
    longest = max(map(len, ids), default=0)
    header = FoutHeader(results.provenance)
    columns = list(posterior_columns(results))
    further: dict[str, list[str]] = {}
    for column in columns:
        further.setdefault(column.after, []).append(column.name)
    with FoutWriter(
        path, header, results.columns, results.confidences, precision, longest, further
    ) as writer:
        writer.append_rows(ids, results.values, results.intervals, {c.name: c.values for c in columns})
    return Path(path)
