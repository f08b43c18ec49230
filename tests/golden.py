"""Runs of FAST++ to compare with: scenarios that are shipped or lie in ../shared, and the comparison; a test helper."""

from __future__ import annotations

import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastsed import read_chi2_grid
from fastsed.paths import share_dir

ARCHIVES = Path(__file__).parent / "data" / "golden"

ALLOWED = 0.005
"""Share of values that may differ: a sum of floats in another order now and then tips a rounding."""
SIX_DIGITS = 1.01e-5
"""One unit of the last of six significant digits, relative to the value."""
FINE_PRECISION, FINE_RELATIVE = 1e-3, 2e-3
"""Below this OUTPUT_PRECISION more is printed than FAST++ keeps in its models."""
COLUMN_STEPS = {"z": 1e-4, "metal": 1e-4, "sscale": 1e-3}
COLUMN_STEP = 1e-2


@dataclass(frozen=True)
class Difference:
    """How many values of a file were compared, how many differ, and the first that does."""

    file: str
    compared: int
    differing: int
    example: str = ""

    @property
    def accepted(self) -> bool:
        return self.compared > 0 and self.differing <= ALLOWED * self.compared

    def __str__(self) -> str:
        return f"{self.file}: {self.differing} of {self.compared} values differ, {self.example}"


def unpack_shipped(folder: Path) -> Path:
    """Lay out the shipped scenarios and what they read below `folder`, as in ../shared."""
    for name, target in (("scenarios", "golden"), ("libraries", "data/libraries")):
        with tarfile.open(ARCHIVES / f"{name}.tar.xz") as archive:
            # Python before 3.11.4 has no filters
            known = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(folder / target, **known)
    for name in ("FILTER.RES.latest", "CONT_INDICES.balogh99"):
        shutil.copyfile(share_dir() / name, folder / "data" / name)
    return folder


def copy_inputs(root: Path, name: str, folder: Path) -> Path:
    """A scenario without its expected outputs, in `folder`, from where `../../data` leads to the data of `root`."""
    (folder / "data").symlink_to(root / "data", target_is_directory=True)
    target = folder / "golden" / name
    shutil.copytree(root / "golden" / name, target, ignore=shutil.ignore_patterns("expected"))
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def differences(expected: Path, found: Path) -> list[Difference]:
    """Compare every output that FAST++ wrote; its logs and the FITS copies of its grids are left out."""
    compare = {
        ".fout": compare_catalogs,
        ".fit": compare_tables,
        ".sfh": compare_tables,
        ".grid": compare_grids,
    }
    results = []
    for path in sorted(expected.rglob("*")):
        if path.suffix in compare:
            name = path.relative_to(expected).as_posix()
            results.append(compare[path.suffix](name, path, found / name))
    return results


# --- catalogues -------------------------------------------------------------------------------------------


def compare_catalogs(name: str, expected: Path, found: Path) -> Difference:
    """Every printed value within one unit of the step to which its column is rounded; chi2 to 0.1 %."""
    columns, rows = _read_catalog(expected)
    assert _read_catalog(found)[0] == columns
    ours = _read_catalog(found)[1]
    assert [row[0] for row in ours] == [row[0] for row in rows], "other sources, or in another order"
    precision = _precision(expected)
    a, b = (np.array([row[1:] for row in table], dtype=float) for table in (rows, ours))
    for low, up in _magnitude_bounds(columns[1:]):
        # FAST++ gives the fainter bound first
        a[:, [low, up]] = np.sort(a[:, [low, up]], axis=1)
    fine = 0 < precision < FINE_PRECISION
    relative = np.full(a.shape[1], FINE_RELATIVE if fine else SIX_DIGITS)
    step = np.array(
        [precision or COLUMN_STEPS.get(re.sub(r"^[lu]\d[\d.]*_", "", c), COLUMN_STEP) for c in columns[1:]]
    )
    for i, column in enumerate(columns[1:]):
        if column == "chi2":
            relative[i], step[i] = 1e-3, 1e-6
    wrong = ~np.isclose(b, a, rtol=relative, atol=1.01 * step, equal_nan=True)
    return _difference(name, wrong, a, b, lambda i, j: f"{columns[1 + j]} of {rows[i][0]}")


def _read_catalog(path: Path) -> tuple[list[str], list[list[str]]]:
    lines = path.read_text().splitlines()
    header = [line for line in lines if line.startswith("#")]
    return header[-1].lstrip("#").split(), [
        line.split() for line in lines if line and not line.startswith("#")
    ]


def _precision(expected: Path) -> float:
    """OUTPUT_PRECISION of the scenario; 0 where it is not set."""
    text = (expected.parents[1] / "fast.param").read_text()
    given = re.search(r"^OUTPUT_PRECISION\s*=\s*([\d.e+-]+)", text, re.MULTILINE)
    return float(given[1]) if given else 0.0


def _magnitude_bounds(columns: list[str]) -> list[tuple[int, int]]:
    lower = [(i, re.fullmatch(r"l(\d[\d.]*_M\d+)", column)) for i, column in enumerate(columns)]
    return [(i, columns.index("u" + match[1])) for i, match in lower if match]


# --- spectra, histories, grids ----------------------------------------------------------------------------


def compare_tables(name: str, expected: Path, found: Path) -> Difference:
    """Columns of numbers to 0.3 %, or to 0.003 % of the column's largest values."""
    assert found.read_text().splitlines()[0] == expected.read_text().splitlines()[0], f"header of {name}"
    a, b = np.loadtxt(expected, ndmin=2), np.loadtxt(found, ndmin=2)
    assert a.shape == b.shape, name
    floor = 3e-5 * np.percentile(np.where(np.isfinite(a), abs(a), 0), 95, axis=0)
    wrong = ~np.isclose(b, a, rtol=3e-3, atol=floor, equal_nan=True)
    return _difference(name, wrong, a, b, lambda i, j: f"row {i}, column {j}")


def compare_grids(name: str, expected: Path, found: Path) -> Difference:
    """The same axes, models and properties; values to 0.3 %."""
    theirs, ours = read_chi2_grid(expected), read_chi2_grid(found)
    assert (ours.kind, ours.properties, list(ours.axes)) == (
        theirs.kind,
        theirs.properties,
        list(theirs.axes),
    )
    for axis, values in theirs.axes.items():
        np.testing.assert_allclose(ours.axes[axis], values, rtol=1e-6, err_msg=f"axis {axis} of {name}")
    if theirs.kind == "full":
        a, b = (np.asarray(grid.data).reshape(grid.n_models, -1) for grid in (theirs, ours))
    else:
        models, rows, own = np.intersect1d(theirs.data["model"], ours.data["model"], return_indices=True)
        # a model at the very threshold may be on either side
        assert models.size >= 0.97 * max(theirs.n_models, ours.n_models), f"other models in {name}"
        a, b = (
            np.column_stack([data["chi2"], data["properties"]])
            for data in (theirs.data[rows], ours.data[own])
        )
    assert a.shape == b.shape, name
    wrong = ~np.isclose(b, a, rtol=3e-3, atol=1e-6, equal_nan=True)
    return _difference(name, wrong, a, b, lambda i, j: f"model {i}, value {j}")


def _difference(name: str, wrong: np.ndarray, a: np.ndarray, b: np.ndarray, label) -> Difference:
    if not wrong.any():
        return Difference(name, wrong.size, 0)
    i, j = np.argwhere(wrong)[0]
    example = f"such as {label(i, j)}: {b[i, j]:g} instead of {a[i, j]:g}"
    return Difference(name, wrong.size, int(wrong.sum()), example)
