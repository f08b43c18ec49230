"""Reading the outputs for the tests, without the code that wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastsed.params import Params


@dataclass
class FoutTable:
    """A `.fout` file: its whole text, its header lines, and the texts of each column."""

    text: str
    header: list[str]
    columns: dict[str, list[str]]

    @property
    def ids(self) -> list[str]:
        return self.columns["id"]


def read_fout(path: Path) -> FoutTable:
    text = path.read_text()
    header = [line for line in text.splitlines() if line.startswith("#")]
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    names = header[-1][1:].split()
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in names]
    return FoutTable(text, header, dict(zip(names, columns, strict=True)))


FOUT_SCENARIOS = [
    *("best_fit_sed", "best_from_sim", "chi_grid", "custom_burst", "custom_sfh", "diff_av", "full_grid"),
    *("interval_chi2", "kc_exp_metal", "lir_cirrus", "metals", "noll_sfr", "outputs", "sfh_mass", "sims"),
    *("sims_zphot", "spectrum_gridded", "spectrum_idl", "tru", "zphot_best", "zphot_conf95", "zphot_few"),
    "zphot_force",
]


def read_index_kinds(folder: Path, params: Params) -> dict[str, str]:
    """Names and kinds of the spectral indices of a scenario."""
    if not params.continuum_indices:
        return {}
    lines = (folder / params.continuum_indices).read_text().splitlines()
    pairs = [line.partition("=") for line in lines if "=" in line.partition("#")[0]]
    return {name.strip(): rest.split(",")[0].strip() for name, _, rest in pairs}
