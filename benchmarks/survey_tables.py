"""Catalogues through the steps that move rows: a million stars by their stats, and fits with PDFs and samples."""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from common import ROOT, Measurement, Report, main, measure, options, repeat, scratch

SURVEY = (sys.executable, "-c", "import sys; from fastsed.cli.survey.main import main; sys.exit(main())")
EXAMPLE = ROOT / "share" / "stars"
SETTINGS = ROOT / "share" / "examples" / "stars" / "field.toml"

# sources by the square root of a uniform number: twice the mean density at one side
CATALOGUE = """
import sys
import numpy as np
from astropy.table import Table
n, rng = int(sys.argv[1]), np.random.default_rng(1)
width = 9 / 60 * (n / 1e6) ** 0.5
table = Table({"RA": 10.7 + width * np.sqrt(rng.random(n)), "DEC": 41.2 + width * rng.random(n)})
for band in sys.argv[2:]:
    magnitude = 27 - rng.exponential(1.5, n)
    table[f"{band}_RATE"], table[f"{band}_VEGA"] = 10 ** (-0.4 * magnitude), magnitude
table.write("field.fits", overwrite=True)
"""

# stats as a fit of HST's six bands writes them: its columns with other numbers
STATS = """
import sys
from pathlib import Path
import numpy as np
from astropy.io import fits
from astropy.table import Table
names = [f"{p}_{s}" for p in ("Av", "Rv", "f_A", "M_ini", "logA", "Z", "distance", "M_act", "logL", "logT", "logg")
         for s in ("Best", "Exp", "p16", "p50", "p84")]
for path in sorted(Path().glob("field_with_sourceden_bin*_sub*.fits")):
    stars, rng = Table.read(path), np.random.default_rng(2)
    n = len(stars)
    stats = Table({"Name": np.full(n, "PHAT J004244.3503+411607.432"), "RA": stars["RA"], "DEC": stars["DEC"]})
    for name in names:
        stats[name] = rng.random(n)
    for name in ("chi2min", "chi2min_indx", "Pmax", "Pmax_indx", "specgrid_indx", "total_log_norm"):
        stats[name] = np.arange(n) if name.endswith("indx") else rng.random(n)
    for name in ("fit_status", "row_id"):
        stats[name] = stars["row_id"] if name == "row_id" else np.ones(n, "i4")
    filters = Table({"filternames": ["HST_F475W", "HST_F814W"], "wavelengths": [4750.0, 8140.0]})
    tag = path.stem.removeprefix("field_with_sourceden_")
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(stats), fits.table_to_hdu(filters)]).writeto(
        f"field_{tag}_stats.fits", overwrite=True)
"""


REORDER = "reorder --stats_filename {0}stats.fits --region_filebase {0} --output_filebase out/r"


def survey(folder: Path, words: str) -> Measurement:
    """Run a subcommand; its time includes that of writing its products to the disk."""
    found = measure([*SURVEY, *words.split()], cwd=folder)
    begin = time.perf_counter()
    os.sync()
    return Measurement(found.wall + time.perf_counter() - begin, found.cpu, found.memory)


def row(step: str, folder: Path, words: str, runs: int) -> dict:
    """A line of the table: medians of a subcommand, which replaces its products."""
    found = repeat(runs, lambda: survey(folder, words))
    return {
        "step": step,
        "wall s": found["wall"].median,
        "CPU s": found["cpu"].median,
        "peak MB": found["memory"].max,
    }


def make_catalogue(folder: Path, n: int, bands: list[str]) -> None:
    """A field of so many sources, without counting its time."""
    measure([sys.executable, "-c", CATALOGUE, str(n), *bands], cwd=folder)
    os.sync()


def million(folder: Path, n: int, runs: int) -> list[dict]:
    """Rows of the steps that an entire catalogue goes through, and of all of them."""
    make_catalogue(folder, n, ["F275W", "F336W", "F475W", "F814W", "F110W", "F160W"])
    split = "split field_with_sourceden.fits --map field_sourceden_map.hd5 --sd_Nbins 10 --n_per_file 3300"
    rows = [
        row("sourceden", folder, "sourceden field.fits --pixsize 5", runs),
        row("split", folder, split, runs),
    ]
    measure([sys.executable, "-c", STATS], cwd=folder)
    os.sync()
    (folder / "out").mkdir()
    rows += [
        row("merge --stats_only", folder, "merge field_ --stats_only", runs),
        row("reorder --stats_only", folder, f"{REORDER.format('field_')} --stats_only", runs),
    ]
    total = {key: sum(line[key] for line in rows) for key in ("wall s", "CPU s")}
    return [*rows, {"step": "all", **total, "peak MB": max(line["peak MB"] for line in rows)}]


def files_of(paths: list[Path]) -> list[Path]:
    """These files, and all that is in folders."""
    return [p for path in paths for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file()]


def copy_time(files: list[Path], folder: Path) -> float:
    """Seconds that copying these files of a folder to the disk takes."""
    target = folder / "copy"
    os.sync()
    begin = time.perf_counter()
    for path in files:
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    os.sync()
    seconds = time.perf_counter() - begin
    shutil.rmtree(target)
    return seconds


def posteriors(folder: Path, n: int, runs: int) -> list[dict]:
    """The same with PDFs and samples, of fits against the grid of the example, beside a copy of what is written."""
    for path in EXAMPLE.iterdir():
        shutil.copyfile(path, folder / path.name)
    shutil.copyfile(SETTINGS, folder / SETTINGS.name)
    bands = ["NUV", "U", "G", "R", "I", "Z", "J", "KS"]
    make_catalogue(folder, n, bands)
    columns = " ".join(f"{band}_RATE" for band in bands)
    survey(folder, "grid field.toml")
    survey(folder, "noise splinter field_seds.grid.hd5 -o noise.hd5")
    survey(folder, "split field.fits --sort_col G_RATE --n_per_file 3000")
    for path in sorted(folder.glob("field_SD*_sub*.fits")):
        base = path.stem.replace("field_", "fits_")
        words = f"fit field_seds.grid.hd5 noise.hd5 {path.name} -o {base} --vega vega.txt"
        survey(folder, f"{words} --pdf2d_param_list none --obs_colnames {columns}")
    (folder / "out").mkdir()
    steps = {
        "merge": ("merge fits_", ["fits_stats.fits", "fits_pdf1d.fits", "fits_lnp.hd5"]),
        "reorder": (REORDER.format("fits_"), ["out"]),
        "condense": ("condense --filedir out", [f"out/*{end}" for end in ("_stats.fits", "_pdf1d.fits", "_lnp.hd5")]),
    }  # fmt: skip
    rows = []
    for step, (words, products) in steps.items():
        line = row(step, folder, words, runs)
        written = files_of([path for pattern in products for path in folder.glob(pattern)])
        megabytes = sum(path.stat().st_size for path in written) / 1e6
        rows.append(
            {**line, "files": len(written), "MB": megabytes, "a copy of them, s": copy_time(written, folder)}
        )
    return rows


def run(args: argparse.Namespace, report: Report) -> None:
    """Time the steps."""
    with scratch() as folder:
        report.table(million(folder, 20_000 if args.quick else args.sources, args.runs), "stats only")
    with scratch() as folder:
        report.table(
            posteriors(folder, 1_000 if args.quick else args.fits, args.runs), "with PDFs and samples"
        )


if __name__ == "__main__":
    parser = options("tables of the survey: maps, splits, merged and spatially ordered results", runs=1)
    parser.add_argument("--sources", type=int, default=1_000_000, help="of the catalogue (%(default)s)")
    parser.add_argument("--fits", type=int, default=60_000, help="stars with PDFs and samples (%(default)s)")
    main("survey_tables", parser, run)
