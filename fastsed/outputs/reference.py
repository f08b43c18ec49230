"""What is said of each column and each file that a run may write: the page docs/outputs.md."""

from __future__ import annotations

import dataclasses

from fastsed.columns import ALIASES
from fastsed.quantities import FIXED, SFH, Quantity, custom_quantity, index_quantity, magnitude_quantity

_FILES = (
    (
        "`<OUTPUT_FILE>.fout`",
        "always",
        "The catalogue: header lines that tell the set-up of the run, then one row per source, in the "
        "order of the input. Values as in the table above, after their transformation; a row of `nan` is "
        "a source that was not fitted. -99 stands for the logarithm of zero, 99 for infinity. With "
        "intervals, each quantity `x` is followed by `l68_x` and `u68_x`, the bounds of the interval of "
        "68% (and so on for each value of `C_INTERVAL`). With `POSTERIOR`, `mean_x`, `std_x` and a `pNN_x` "
        "for each of `POSTERIOR_PERCENTILES` follow these, and `f0_x` where models without a logarithm of x "
        "have a share of the weight; at the end of the row `neff`, the effective number of models, and "
        "`lnz`, the logarithm of the sum of all weights.",
    ),
    (
        "`<OUTPUT_FILE>_fit.<format>`",
        "`OUTPUT_FORMAT`",
        "The same columns as a table, with units and descriptions.",
    ),
    (
        "`<OUTPUT_FILE>_pdf.hdf5`",
        "`SAVE_PDF`",
        "Posterior distributions: `id`, and for each axis and property a group with `edges` [bin + 1] and "
        "`pdf` [source, bin], whose sum is 1; its attributes say unit and description. `fastsed.read_pdf` "
        "reads it, and `PRIOR_Z = 'pz(file)'` takes its redshifts.",
    ),
    (
        "`<OUTPUT_FILE>_mock.fits`",
        "`MOCK`",
        "The mock test, a row for each source and mock: `id`, and `true_x` and `best_x` of each axis and "
        "property; with `POSTERIOR` also `mean_x` and `std_x`.",
    ),
    (
        "`best_fits/<catalog>_<id>.fit`",
        "`BEST_FIT`",
        "Spectrum of the best model: `wl` observed wavelength [Angstrom]; `fl` flux density [1e-19 "
        "erg/s/cm2/Angstrom]; `fl_nodust` the same without dust (`INTRINSIC_BEST_FIT`); `fl_lsf` the same "
        "after the instrument (`LSF_BEST_FIT`).",
    ),
    (
        "`best_fits/<catalog>_<id>.input_res.fit`",
        "`BEST_FIT`",
        "Model and data, band by band: `wl` mean wavelength [Angstrom]; `fl_model`, `fl_obs`, `unc_obs` "
        "[1e-19 erg/s/cm2/Angstrom]. A band without data has flux 0 and uncertainty `inf`.",
    ),
    (
        "`best_fits/<catalog>_<id>.sfh`",
        "`BEST_SFHS`",
        "Star formation history of the best model: `t` time since the Big Bang [yr]; `SFR(t)` [Msol/yr], "
        "or `Mstar(t)` [Msol] with `SFH_OUTPUT='mass'`; with simulations their median `med_SFR`; the "
        "bounds `l68_SFR` and `u68_SFR` of each interval.",
    ),
    (
        "`best_fits/<catalog>_<id>.sims.fits`",
        "`SAVE_SIM`",
        "Results of the simulations, a table of one row: `RESULT` [parameter, simulation], `PARAMS` the "
        "names of the parameters, `CHI2` [simulation]. Values as stored, before the transformation.",
    ),
    (
        "`chi2.grid`",
        "`SAVE_CHI_GRID`",
        "chi2 and properties of every model and source, binary; values as stored, before the "
        "transformation. A model that was not fitted is `nan`. `fastsed-grid2fits` makes a table of it "
        "and `fastsed.outputs.chi2grid.read_chi2_grid` reads it in Python.",
    ),
    (
        "`best_chi2/<catalog>_<id>.chi2.grid`",
        "`SAVE_BESTCHI`",
        "The same for the models of one source whose chi2 is within `SAVE_BESTCHI` of the best.",
    ),
    (
        "`seds/<id>.fit`, `seds/<id>.input_res.fit`",
        "`MAKE_SEDS`",
        "Spectrum and band fluxes of the models listed in the file `MAKE_SEDS`, in the units of the best "
        "fits.",
    ),
)

_SHOWN = {"linear": "as stored", "log": "log10", "magnitude": "-2.5 log10 + 23.9"}


def _all_columns() -> list[Quantity]:
    patterns = [custom_quantity("<parameter>")]
    magnitude = magnitude_quantity(0)
    magnitude = dataclasses.replace(magnitude, name="M<n>", meaning=magnitude.meaning.replace("0", "n"))
    patterns += [
        magnitude,
        index_quantity("<index> (abs)", "abs"),
        index_quantity("<index> (ratio)", "ratio"),
    ]
    return [*FIXED[:-1], *patterns, *SFH.values(), FIXED[-1]]


def outputs_markdown() -> str:
    """Documentation page of every column and every file that a run may write."""
    lines = ["# Outputs", "", "## Columns", ""]
    lines += [
        "Choose them with `OUTPUT_COLUMNS`. *Printed*: how the catalogue shows the value that grids "
        "and simulations store; `lage`, `ltau` and `la2t` are logarithms already. *Rounded to*: unless "
        "`OUTPUT_PRECISION` says otherwise. *Scales*: proportional to the brightness of the source.",
        "",
        "| column | unit | printed | rounded to | scales | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for c in _all_columns():
        rounded = f"{c.precision:g}" if c.has_interval else ""
        scales = "yes" if c.scales else ""
        cells = (f"`{c.name}`", c.unit, _SHOWN[c.transform], rounded, scales, c.meaning)
        lines.append(f"| {' | '.join(cells)} |")
    aliases = ", ".join(f"`{old}` for `{new}`" for old, new in ALIASES.items())
    lines += ["", f"Other names are understood: {aliases}.", "", "## Files", ""]
    lines += ["| file | written with | content |", "|---|---|---|"]
    lines += [f"| {name} | {when} | {content} |" for name, when, content in _FILES]
    return "\n".join(lines) + "\n"
