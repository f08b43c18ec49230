"""The steps of a field, in order: names and settings in; commands, what they read and what they write out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastsed.survey.physics_grid import used_grid
from fastsed.survey.results import natural_key, tag_of
from fastsed.survey.tables import stem
from fastsed.survey.workflow.field import Field

PRODUCTS = ("stats.fits", "pdf1d.fits", "lnp.hd5")
"""What a fit writes, and a merge of fits."""


@dataclass(frozen=True)
class Step:
    """One step of the workflow.

    Attributes
    ----------
    name : str
    commands : sequence of list of str
        Subcommands of `fastsed-survey` with their options.
    inputs : sequence of Path
        Files it reads.
    products : sequence of str
        Files it writes; patterns of names are allowed.
    settings : mapping
        Values of the settings that count besides what the commands say.
    """

    name: str
    commands: Sequence[list[str]]
    inputs: Sequence[Path]
    products: Sequence[str]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def found_products(self) -> list[Path]:
        """The products that are there."""
        return [path for pattern in self.products for path in sorted(Path().glob(pattern))]


def preparation(f: Field) -> list[Step]:
    """Maps and the physics model: what needs no artificial stars."""
    steps = [_map(f)]
    if "reference" in f.settings:
        steps.append(_background(f))
    if f.makes_grid:
        steps.append(_grid(f))
    return steps


def _map(f: Field) -> Step:
    size = f.option("pixsize", "map_pixsize") or f.option("npix", "map_npix")
    counted = [*f.option("mag_name", "map_mag_name"), *f.option("mag_cut", "map_mag_cut")]
    name = stem(f.catalogue)
    products = [f"{name}_source_den_image.fits", f"{name}_with_sourceden.fits", f.map]
    return Step(
        "source density", [["sourceden", f.catalogue, *size, *counted]], [Path(f.catalogue)], products
    )


def _background(f: Field) -> Step:
    image = f.settings.text("reference")
    catalogue = f"{stem(f.catalogue)}_with_sourceden.fits"
    options = [*f.option("npix", "bg_npix"), *f.option("mask_radius", "bg_mask_radius")]
    options += f.option("ann_width", "bg_ann_width")
    words = ["background", catalogue, "--reference", image, *options]
    return Step("background", [words], [Path(catalogue), Path(image)], [f.catalogue_of_map])


def _grid(f: Field) -> Step:
    keys = ("filter_curves", "isochrones", "tracks")
    inputs = [Path(f.settings.text(key)) for key in keys if key in f.settings]
    inputs += [Path(path) for path in f.settings.texts("atmospheres")]
    words = ["grid", str(f.settings.path)]
    return Step("physics model", [words], inputs, [f.grid], f.physics())


def ast_list(f: Field) -> Step:
    """The list of artificial stars."""
    inputs = [used_grid(f.settings), Path(f.map), Path(f.settings.text("vega"))]
    keys = {
        key: value
        for key, value in f.settings.values.items()
        if key.startswith(("ast_", "sd_")) or key == "seed"
    }
    return Step(
        "artificial star list",
        [["ast-inputs", str(f.settings.path)]],
        inputs,
        [f"{f.project}_inputAST*", f"{f.project}_ASTparams.fits"],
        keys,
    )


def cut_and_split(f: Field) -> list[Step]:
    """The catalogue without sources that are not measured in all bands, and its sub files."""
    flagged = f.words("flag_filters")
    cut = ["cut", f.catalogue_of_map, f.cut_catalogue, "--partial_overlap"]
    cut += ["--flagged", "--flag_filter", *flagged] if flagged else []
    split = ["split", f.cut_catalogue, "--map", f.map, *f.option("n_per_file", "n_per_file")]
    for key in ("min_n_subfile", "sort_col", "sd_binmode", "sd_Nbins", "sd_binwidth", "sd_custom"):
        split += f.option(key, key)
    inputs, cut_products = [Path(f.catalogue_of_map)], [f.cut_catalogue]
    if f.asts is not None:
        cut += ["--input_ast_file", f.asts, "--output_ast_file", f.cut_asts]
        split += ["--ast", f.cut_asts]
        inputs.append(Path(f.asts))
        cut_products.append(f.cut_asts)
    products = [f"{stem(f.cut_catalogue)}_bin*.fits"]
    products += [f"{stem(f.cut_asts)}_bin*.fits"] if f.asts is not None else []
    return [
        Step("cut", [cut], inputs, cut_products),
        Step("split", [split], [Path(path) for path in (*cut_products, f.map)], products),
    ]


def sub_files(f: Field) -> list[Path]:
    """Sub files of the catalogue, in natural order."""
    paths = Path().glob(f"{stem(f.cut_catalogue)}_bin*_sub*.fits")
    return sorted(paths, key=lambda path: natural_key(str(path)))


def bins(f: Field) -> dict[str, list[Path]]:
    """Sub files of each bin of source density."""
    by_bin: dict[str, list[Path]] = {}
    for path in sub_files(f):
        tag = tag_of(path) or ""
        by_bin.setdefault(tag.rsplit("_sub", 1)[0], []).append(path)
    return by_bin


def observation_models(f: Field) -> list[Step]:
    """The observation model of each bin, and the ranges of the whole grid."""
    steps = []
    for source_bin in bins(f):
        inputs, words = [Path(f.grid)], ["noise", f.noise_model, f.grid]
        if f.asts is not None:
            stars = f"{stem(f.cut_asts)}_{source_bin}.fits"
            words += [stars, *f.vega, *f.columns]
            inputs += [Path(stars), Path(f.settings.text("vega"))]
        words += ["-o", f.noise(source_bin), *f.words("noise_options")]
        steps.append(Step(f"observation model {source_bin}", [words], inputs, [f.noise(source_bin)]))
    noise = [f.noise(source_bin) for source_bin in bins(f)]
    grids = [f.grid] * len(noise)
    words = ["grid-info", "--grids", *grids, "--noise", *noise, "-o", f.grid_info]
    return [*steps, Step("ranges", [words], [Path(f.grid), *map(Path, noise)], [f.grid_info])]


def trims(f: Field) -> list[Step]:
    """The index list of each sub file; those of a bin take one reading of the grid."""
    steps = []
    for source_bin, files in bins(f).items():
        bases = [f"{f.start}_{tag_of(path)}" for path in files]
        words = ["trim", f.grid, f.noise(source_bin), *map(str, files), "--index", *f.vega, *f.columns]
        words += ["-o", *bases]
        inputs = [Path(f.grid), Path(f.noise(source_bin)), *files]
        products = [f"{base}_index.hd5" for base in bases]
        steps.append(Step(f"trim {source_bin}", [words], inputs, products))
    return steps


def fits(f: Field) -> list[Step]:
    """The fit of each sub file."""
    steps = []
    for source_bin, files in bins(f).items():
        for path in files:
            base = f"{f.start}_{tag_of(path)}"
            index = f"{base}_index.hd5"
            words = [
                "fit",
                f.grid,
                f.noise(source_bin),
                str(path),
                "-o",
                base,
                "--grid_info",
                f.grid_info,
                *f.words("fit_options"),
                *f.vega,
                *f.columns,
            ]
            words += ["--index", index]
            inputs = [Path(name) for name in (f.grid, f.noise(source_bin), path, index, f.grid_info)]
            products = [f"{base}_{end}" for end in PRODUCTS]
            steps.append(Step(f"fit {tag_of(path)}", [words], inputs, products))
    return steps


def conclusion(f: Field) -> list[Step]:
    """The merged results, and the spatial regions."""
    stats = f"{f.start}_stats.fits"
    results = [Path(f"{f.start}_{tag_of(path)}_{end}") for path in sub_files(f) for end in PRODUCTS]
    regions = f"{f.project}/spatial"
    reorder = ["reorder", "--stats_filename", stats, "--region_filebase", f"{f.start}_"]
    reorder += ["--output_filebase", f"{regions}/{f.project}", *f.option("reg_size", "reg_size")]
    return [
        Step("merge", [["merge", f"{f.start}_"]], results, [f"{f.start}_{end}" for end in PRODUCTS]),
        Step(
            "spatial regions",
            [reorder, ["condense", "--filedir", regions]],
            [Path(stats), *results],
            [f"{regions}/*.fits", f"{regions}/*.hd5"],
        ),
    ]
