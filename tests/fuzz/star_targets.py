"""The readers of fits of stars: good files to damage, and what is called with a damaged one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastsed.paths import share_dir
from tests.fuzz.mutate import damage_binary, damage_fits, damage_hdf5, damage_text
from tests.fuzz.target import Target

N_STARS = 5
SEED = 3


def _field(folder: Path) -> Path:
    """A small field with its grid, noise model and Vega."""
    from tests.survey.small_grids import small_field

    small_field(folder, n_stars=N_STARS)
    return folder


def _results(folder: Path) -> str:
    from tests.survey.fields import write_result

    base = str(folder / "field")
    write_result(base, N_STARS)
    return base


def catalogue_seeds(folder: Path) -> list[bytes]:
    return [(_field(folder) / "cat.fits").read_bytes()]


def read_the_catalogue(path: Path) -> None:
    from fastsed.survey.star_catalogue import read_star_catalogue

    filters = [f"HST_X_F{k}00W" for k in range(3)]
    read_star_catalogue(path, filters, path.parent / "vega.txt")


def stats_seeds(folder: Path) -> list[bytes]:
    return [Path(f"{_results(folder)}_stats.fits").read_bytes()]


def read_the_stats(path: Path) -> None:
    from fastsed.survey.fits_rows import FitsRows

    rows = FitsRows.open(path)
    rows.rows(slice(0, N_STARS))
    rows.column("Av_Best")


def pdf_seeds(folder: Path) -> list[bytes]:
    return [Path(f"{_results(folder)}_pdf1d.fits").read_bytes()]


def read_the_pdfs(path: Path) -> None:
    from fastsed.survey.pdf_files import read_pdfs

    for image in read_pdfs(path).values():
        image.planes(slice(0, N_STARS))
        image.rows(slice(0, 2))


def sample_seeds(folder: Path) -> list[bytes]:
    from fastsed.survey.star_groups import StarGroupWriter
    from fastsed.survey.star_samples import StarSamples

    theirs = Path(f"{_results(folder)}_lnp.hd5")
    with StarSamples(theirs) as samples, StarGroupWriter(folder / "ours.hd5", samples.fields) as writer:
        writer.append(samples.read(np.arange(N_STARS)))
    return [theirs.read_bytes(), (folder / "ours.hd5").read_bytes()]


def read_the_samples(path: Path) -> None:
    from fastsed.survey.star_samples import StarSamples

    with StarSamples(path) as samples:
        samples.read(samples.numbers[:N_STARS])


def grid_seeds(folder: Path) -> list[bytes]:
    return [(_field(folder) / "grid.hd5").read_bytes()]


def read_the_grid(path: Path) -> None:
    from fastsed.survey.sed_grid import SedGrid

    with SedGrid(path) as grid:
        for rows in grid.blocks():
            grid.read_seds(rows)
            grid.read_table(rows)


def fits_grid_seeds(folder: Path) -> list[bytes]:
    from astropy.io import fits
    from astropy.table import Table

    rng = np.random.default_rng(SEED)
    head = fits.table_to_hdu(Table({"Av": rng.random(7), "weight": rng.random(7)}))
    head.name, head.header["FILTERS"] = "GRID", "A B"
    hdus = [fits.PrimaryHDU(np.array([4000.0, 5000.0])), fits.ImageHDU(rng.random((7, 2)), name="SEDS"), head]
    fits.HDUList(hdus).writeto(folder / "grid.fits")
    return [(folder / "grid.fits").read_bytes()]


def noise_seeds(folder: Path) -> list[bytes]:
    return [(_field(folder) / "noise.hd5").read_bytes()]


def read_the_noise(path: Path) -> None:
    from fastsed.survey.noise_file import NoiseFile

    with NoiseFile(path) as noise:
        for rows in noise.blocks():
            noise.read("bias", rows)
            noise.read("error", rows)


def noise_table_seeds(folder: Path) -> list[bytes]:
    from fastsed.survey.noise_tables import write_noise_table
    from fastsed.survey.toothpick import Toothpick
    from tests.survey.star_tests import FILTERS, VEGA, artificial_stars

    write_noise_table(Toothpick.from_stars(artificial_stars(), VEGA), FILTERS, folder / "table.hd5")
    return [(folder / "table.hd5").read_bytes()]


def read_the_noise_table(path: Path) -> None:
    from fastsed.survey.noise_tables import read_noise_table

    filters, model = read_noise_table(path)
    model.evaluate(np.full((4, len(filters)), 1e-18))


def artificial_seeds(folder: Path) -> list[bytes]:
    from astropy.table import Table

    rng = np.random.default_rng(SEED)
    table = Table()
    for band in ("F000W", "F100W"):
        table[f"{band}_IN"] = rng.uniform(20, 25, 9)
        table[f"{band}_RATE"] = 10 ** (-0.4 * rng.uniform(20, 25, 9))
    table.write(folder / "asts.fits")
    return [(folder / "asts.fits").read_bytes()]


def read_the_artificial(path: Path) -> None:
    from fastsed.survey.asts import read_artificial_stars

    read_artificial_stars(path, ("HST_X_F000W", "HST_X_F100W"))


def map_seeds(folder: Path) -> list[bytes]:
    from fastsed.survey.tiles import TileMap, write_map

    values = np.random.default_rng(SEED).random((3, 2))
    write_map(TileMap(np.linspace(11, 11.3, 4), np.linspace(41, 41.2, 3), values), folder / "map.hd5")
    return [(folder / "map.hd5").read_bytes()]


def read_the_map(path: Path) -> None:
    from fastsed.survey.tiles import read_map

    read_map(path)


def index_seeds(folder: Path) -> list[bytes]:
    from fastsed.survey.index_lists import write_index_list

    write_index_list(folder / "index.hd5", np.array([1, 3, 4]), 10)
    return [(folder / "index.hd5").read_bytes()]


def read_the_index(path: Path) -> None:
    from fastsed.survey.index_lists import read_index_list

    rows = read_index_list(path, 10)
    assert ((rows >= 0) & (rows < 10)).all()


def vega_seeds(_: Path) -> list[bytes]:
    return [(share_dir() / "stars" / "vega.txt").read_bytes()]


def read_the_vega(path: Path) -> None:
    from fastsed.survey.vega import read_vega

    fluxes = read_vega(path, ["SDSS_u", "SDSS_g"])
    assert np.isfinite(fluxes).all()


def isochrone_seeds(_: Path) -> list[bytes]:
    return [b"".join((share_dir() / "stars" / "isochrones.csv").read_bytes().splitlines(keepends=True)[:30])]


def read_the_isochrones(path: Path) -> None:
    from fastsed.survey.isochrone_files import read_isochrones

    read_isochrones(path)


def atmosphere_seeds(_: Path) -> list[bytes]:
    return [b"".join((share_dir() / "stars" / "atmospheres.csv").read_bytes().splitlines(keepends=True)[:30])]


def read_the_atmospheres(path: Path) -> None:
    from fastsed.survey.atmosphere_files import read_atmospheres

    read_atmospheres(path)


def filter_seeds(_: Path) -> list[bytes]:
    return [(share_dir() / "stars" / "filters.hd5").read_bytes()]


def read_the_curves(path: Path) -> None:
    from fastsed.survey.filter_files import read_filter_curves

    read_filter_curves(path, ["SDSS_u", "2MASS_J"])


def settings_seeds(_: Path) -> list[bytes]:
    return [(share_dir() / "examples" / "stars" / "field.toml").read_bytes()]


def read_the_settings(path: Path) -> None:
    from fastsed.survey.settings import read_settings

    read_settings(path)


def beast_seeds(_: Path) -> list[bytes]:
    return [
        b"import numpy as np\nfrom astropy import units\nproject = 'field'\nfilters = ['A', 'B']\n"
        b"avs = [0.0, 2.0, 0.1]\ndistances = [24.4]\ndistance_unit = units.mag\nzs = (0.1, 0.2)\n"
    ]


def read_the_beast_settings(path: Path) -> None:
    from fastsed.survey.workflow.beast_settings import read_beast_settings, to_toml

    to_toml(read_beast_settings(path))


STAR_TARGETS: tuple[Target, ...] = (
    Target("star_catalogue", "cat.fits", catalogue_seeds, damage_fits, read_the_catalogue, 3),
    Target("star_stats", "field_stats.fits", stats_seeds, damage_fits, read_the_stats),
    Target("star_pdfs", "field_pdf1d.fits", pdf_seeds, damage_fits, read_the_pdfs),
    Target("star_samples", "field_lnp.hd5", sample_seeds, damage_binary, read_the_samples, 3),
    Target("star_groups", "field_lnp.hd5", sample_seeds, damage_hdf5, read_the_samples, 3),
    Target("star_grid", "grid.hd5", grid_seeds, damage_hdf5, read_the_grid, 3),
    Target("star_grid_fits", "grid.fits", fits_grid_seeds, damage_fits, read_the_grid, 2),
    Target("star_noise", "noise.hd5", noise_seeds, damage_hdf5, read_the_noise, 3),
    Target("star_noise_table", "table.hd5", noise_table_seeds, damage_hdf5, read_the_noise_table, 3),
    Target("artificial_stars", "asts.fits", artificial_seeds, damage_fits, read_the_artificial, 2),
    Target("star_map", "map.hd5", map_seeds, damage_hdf5, read_the_map, 3),
    Target("star_index", "index.hd5", index_seeds, damage_hdf5, read_the_index, 3),
    Target("vega", "vega.txt", vega_seeds, damage_text, read_the_vega),
    Target("isochrones", "isochrones.csv", isochrone_seeds, damage_text, read_the_isochrones),
    Target("atmospheres", "atmospheres.csv", atmosphere_seeds, damage_text, read_the_atmospheres),
    Target("filter_curves", "filters.hd5", filter_seeds, damage_hdf5, read_the_curves, 2),
    Target("settings", "field.toml", settings_seeds, damage_text, read_the_settings),
    Target("beast_settings", "beast_settings.txt", beast_seeds, damage_text, read_the_beast_settings),
)
