"""`fastsed-survey --example`: a folder in; a simulated field, taken through all steps, out."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fastsed.atomic import atomic_write
from fastsed.errors import InputError
from fastsed.extras import need
from fastsed.paths import share_dir

log = logging.getLogger(__name__)

SETTINGS = "field.toml"
COLUMNS = "NUV_RATE U_RATE G_RATE R_RATE I_RATE Z_RATE J_RATE KS_RATE"
FIELD_STEPS = (
    f"simulate {SETTINGS}",
    "sourceden field_obs.fits --pixsize 10 --mag_name G_VEGA --mag_cut 15 24.5",
    f"grid {SETTINGS}",
    f"ast-inputs {SETTINGS}",
    f"simulate {SETTINGS} --asts field_inputAST.txt",
    "cut field_obs_with_sourceden.fits field_cut.fits --partial_overlap"
    " --input_ast_file field_asts.fits --output_ast_file field_asts_cut.fits",
    "split field_cut.fits --map field_obs_sourceden_map.hd5 --sd_Nbins 2 --n_per_file 800 --sort_col G_RATE"
    " --ast field_asts_cut.fits",
)
BIN_STEP = (
    "noise toothpick field_seds.grid.hd5 field_asts_cut_bin{bin}.fits --vega vega.txt"
    f" --obs_colnames {COLUMNS} -o field/field_noisemodel_bin{{bin}}.grid.hd5"
)
FIT_STEP = (
    "fit field_seds.grid.hd5 field/field_noisemodel_bin{bin}.grid.hd5 field_cut_bin{bin}_sub{sub}.fits"
    f" --vega vega.txt --obs_colnames {COLUMNS} --pdf2d_param_list none -o field/field_bin{{bin}}_sub{{sub}}"
)
END_STEPS = (
    "merge field/field_",
    "reorder --stats_filename field/field_stats.fits --region_filebase field/field_"
    " --output_filebase field/regions/field --reg_size 25",
    "condense --filedir field/regions",
)
PARAMETERS = ("Av", "logA", "M_ini")


def run_example(folder: str | Path, step: Callable[[Sequence[str]], int]) -> None:
    """Copy the example to a folder, and run all steps there.

    Parameters
    ----------
    folder : path-like
    step : callable
        Runs one command line (without the program's name).

    Raises
    ------
    InputError
        If the folder holds something else, or a package that a later step needs is not installed.
    """
    import contextlib

    start = time.monotonic()
    need("shapely", "the example")
    copy_files(Path(folder))
    with contextlib.chdir(folder):
        for line in FIELD_STEPS:
            _run(line, step)
        subs = sorted(Path.cwd().glob("field_cut_bin*_sub*.fits"))
        numbers = [tuple(path.stem.removeprefix("field_cut_bin").split("_sub")) for path in subs]
        for number in sorted({number for number, _ in numbers}):
            _run(BIN_STEP.format(bin=number), step)
        for number, sub in numbers:
            _run(FIT_STEP.format(bin=number, sub=sub), step)
        for line in END_STEPS:
            _run(line, step)
        _conclude()
    log.info("all steps in %.0f s; the files are in %s", time.monotonic() - start, folder)


def copy_files(folder: Path) -> None:
    """Copy the settings and their inputs.

    Raises
    ------
    InputError
        If the folder holds something else, or settings that were changed.
    """
    elsewhere = f"; say where the example shall go: fastsed-survey --example DIR (not {folder})"
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file" + elsewhere, folder)
    if folder.exists() and any(folder.iterdir()) and not (folder / SETTINGS).exists():
        raise InputError("holds other files" + elsewhere, folder)
    sources = [share_dir() / "examples" / "stars" / SETTINGS, *sorted((share_dir() / "stars").iterdir())]
    for source in sources:
        copy = folder / source.name
        if copy.exists() and copy.read_bytes() != source.read_bytes():
            raise InputError("was changed; choose a new folder for the example", copy)
        with atomic_write(copy, "wb") as f:
            f.write(source.read_bytes())


def _run(line: str, step: Callable[[Sequence[str]], int]) -> None:
    log.info("$ fastsed-survey %s", line)
    step(shlex.split(line))


def _conclude() -> None:
    """Compare with the truth; draw the figures where matplotlib is."""
    import numpy as np

    from fastsed.survey.field_figures import plot_colour_magnitude, plot_recovered, plot_sky
    from fastsed.survey.recovery import compare_with_truth, table_of
    from fastsed.survey.star_catalogue import read_table_columns

    recovered = compare_with_truth("field/field_stats.fits", "field_truth.fits", PARAMETERS)
    log.info(
        "recovered against true parameters of %d stars:\n%s",
        len(recovered[0].truth),
        "\n".join(table_of(recovered)),
    )
    stats = read_table_columns("field/field_stats.fits", ["RA", "DEC", "AV_P50", "SDSS_G", "SDSS_R"])
    vega = dict(
        line.split() for line in Path("vega.txt").read_text().splitlines() if not line.startswith("#")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        g, r = (-2.5 * np.log10(stats[f"SDSS_{b}"] / float(vega[f"SDSS_{b.lower()}"])) for b in "GR")
    try:
        plot_sky(stats["RA"], stats["DEC"], stats["AV_P50"], "median $A_V$ [mag]", "field_av_map.png")
        plot_colour_magnitude(g - r, g, stats["AV_P50"], ("g - r", "g"), "field_cmd.png")
        plot_recovered(recovered, "field_recovered.png")
        log.info("figures: field_av_map.png, field_cmd.png, field_recovered.png")
    except InputError as error:
        log.warning("no figures: %s", error)
