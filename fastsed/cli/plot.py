"""The command `fastsed-plot`: a parameter file, or a result, in; figures out."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastsed._version import __version__
from fastsed.cli.messages import Progress, run_command, start_logging
from fastsed.errors import InputError, UsageError
from fastsed.threads import wait_briefly

if TYPE_CHECKING:
    from fastsed.report.catalogue import Catalogue

PROGRAM = "fastsed-plot"
OF_SOURCES = ("sed", "pdf", "corner", "sfh")
OF_CATALOGUES = ("overview", "mass-redshift", "sfr-mass", "chi2", "edges", "photoz")
OF_STARS = ("cmd", "map", "pdf")
Drawn = tuple[str, Callable[[], Any]]
"""Part of a file name, and what draws the figure."""

log = logging.getLogger("fastsed.cli.plot")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status comes back, as `run_command` says."""
    wait_briefly()
    return run_command(PROGRAM, _run, argv)


def make_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Draw results: spectral energy distributions, probability distributions and star formation "
        "histories of sources; overviews of catalogues; fitted stars.",
        epilog="Examples: fastsed-plot fast.param 12 57 --what sed,corner -o pages.pdf; fastsed-plot out.fout; "
        "fastsed-plot field_stats.fits --what cmd,map",
    )
    parser.add_argument(
        "result",
        metavar="RESULT",
        help="a parameter file, whose catalogue is fitted (with its cache of models, where there is one); a result "
        "(.fout, .ecsv, .csv, .fits) for figures of catalogues; a *_stats.fits of fitted stars",
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="ID|KEY=value",
        help="sources to draw; values that replace those of the parameter file",
    )
    parser.add_argument(
        "--what",
        metavar="KIND,...",
        help=f"of sources: {', '.join(OF_SOURCES)}; of catalogues: {', '.join(OF_CATALOGUES)}; of stars: "
        f"{', '.join(OF_STARS)} (default: sed of the IDs, overview without any; of stars cmd and map, pdf of the IDs)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help=".png, .pdf or .svg; several figures are pages of one .pdf, else files FILE_KIND_ID (default: RESULT.png "
        "in the working directory, with KIND and ID)",
    )
    _add_drawing_options(parser)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _add_drawing_options(parser: argparse.ArgumentParser) -> None:
    """What the figures look like."""
    parser.add_argument(
        "--width", type=float, metavar="INCH", help="of the figures (default: 5 to 7, by kind)"
    )
    parser.add_argument(
        "--flux", choices=("fnu", "flambda"), default="fnu", help="flux density of sed (default: fnu, in uJy)"
    )
    parser.add_argument(
        "--names",
        metavar="NAME,...",
        help="quantities of pdf and corner (default: all columns that vary), and of map (default: Av, logA)",
    )
    parser.add_argument(
        "--known-z", type=Path, metavar="TABLE", help="table with id and z_spec, with which photoz compares"
    )
    parser.add_argument(
        "--vega", type=Path, metavar="FILE", help="fluxes of Vega for cmd: Vega magnitudes, else ST"
    )


def _run(argv: Sequence[str] | None) -> int:
    parser = make_parser()
    options = parser.parse_intermixed_args(argv)
    start_logging(logging.WARNING)
    from fastsed.figure_style import check_kind

    path = Path(options.result)
    if options.output is not None:
        check_kind(options.output)
    if not path.is_file():
        raise InputError("there is no such file", path)
    with ExitStack() as stack:
        drawn = list(_drawn(options, path, stack))
        for written in _save(drawn, options.output, path):
            print(f"wrote {written}")
    return 0


def _drawn(options: argparse.Namespace, path: Path, stack: ExitStack) -> Iterator[Drawn]:
    """The figures that are asked for."""
    from fastsed.report.catalogue import is_catalogue, read_catalogue
    from fastsed.report.stars import is_star_table

    if is_star_table(path):
        yield from _of_stars(options, path)
    elif is_catalogue(path):
        kinds = _kinds(options.what or "overview", (*OF_CATALOGUES, *OF_SOURCES))
        spectra = [kind for kind in kinds if kind in OF_SOURCES]
        if spectra or options.words:
            raise InputError(
                f"holds no spectra: {', '.join(spectra) or 'figures of sources'} need the parameter file",
                path,
            )
        yield from _of_catalogue(options, read_catalogue(path), kinds)
    else:
        yield from _of_fit(options, path, stack)


def _kinds(text: str, known: Sequence[str]) -> list[str]:
    kinds = [word.strip() for word in text.split(",") if word.strip()]
    for kind in kinds:
        if kind not in known:
            raise UsageError(f"--what: '{kind}' is none of {', '.join(known)}")
    if not kinds:
        raise UsageError(f"--what names no figure; there are {', '.join(known)}")
    return list(dict.fromkeys(kinds))


def _of_catalogue(options: argparse.Namespace, catalogue: Catalogue, kinds: Sequence[str]) -> Iterator[Drawn]:
    from fastsed.report.catalogue import read_known_redshifts
    from fastsed.report.overviews import catalogue_figure

    known = read_known_redshifts(options.known_z, catalogue.ids) if options.known_z else None
    for kind in kinds:
        yield kind, partial(catalogue_figure, catalogue, kind, known, options.width)


def _of_fit(options: argparse.Namespace, path: Path, stack: ExitStack) -> Iterator[Drawn]:
    from fastsed.params import read_params
    from fastsed.report.catalogue import catalogue_of
    from fastsed.report.galaxies import fit_file, row_of_fitted

    ids = [word for word in options.words if "=" not in word]
    params = read_params(str(path), [word for word in options.words if "=" in word])
    kinds = _kinds(options.what or ("sed" if ids else "overview"), (*OF_SOURCES, *OF_CATALOGUES))
    of_sources = [kind for kind in kinds if kind in OF_SOURCES]
    if of_sources and not ids:
        raise UsageError(
            f"{', '.join(of_sources)}: which sources? fastsed-plot {path} ID ... --what {options.what}"
        )
    of_catalogue = [kind for kind in kinds if kind in OF_CATALOGUES]
    found, problem = fit_file(
        params,
        [] if of_catalogue else ids,
        lambda problem: stack.enter_context(Progress(problem.plan.n_models, params.verbose)),
    )
    yield from _of_catalogue(options, catalogue_of(found, problem), of_catalogue)
    for identity in dict.fromkeys(ids):
        row = row_of_fitted(found, identity) if of_sources else -1
        for kind in of_sources:
            yield f"{kind}_{identity}", partial(_of_source, options, found, problem, row, kind)


def _of_source(options: argparse.Namespace, found: Any, problem: Any, row: int, kind: str) -> Any:
    from fastsed.report import galaxies

    width = options.width or (6.0 if kind == "corner" else 5.0)
    names = _names(options)
    if kind == "sed":
        return galaxies.sed_figure(found, problem, row, width, options.flux)
    if kind == "sfh":
        return galaxies.history_figure(found, problem, row, 10.0, width)
    draw = galaxies.pdf_figure if kind == "pdf" else galaxies.corner_figure
    return draw(found, problem, row, names, width)


def _names(options: argparse.Namespace) -> list[str]:
    return [name.strip() for name in (options.names or "").split(",") if name.strip()]


def _of_stars(options: argparse.Namespace, path: Path) -> Iterator[Drawn]:
    from fastsed.report.stars import StarTable, plot_cmd, plot_star_map, plot_star_pdf

    stars = StarTable.open(path)
    size = {} if options.width is None else {"width": options.width}
    kinds = _kinds(options.what or ("pdf" if options.words else "cmd,map"), OF_STARS)
    for kind in kinds:
        if kind == "cmd":
            yield kind, partial(plot_cmd, stars, vega=options.vega, **size)
        elif kind == "map":
            yield kind, partial(plot_star_map, stars, names=_names(options), **size)
        elif not options.words:
            raise UsageError(f"pdf: which stars? fastsed-plot {path} NAME ... --what pdf")
        for identity in options.words if kind == "pdf" else ():
            yield f"pdf_{identity}", partial(plot_star_pdf, stars, identity, **size)


def _save(drawn: Sequence[Drawn], output: Path | None, result: Path) -> Iterator[Path]:
    """Write the figures one by one; several are pages of a PDF."""
    from fastsed.figure_style import save_figure, save_pages
    from fastsed.outputs.preflight import check_output
    from fastsed.paths import for_system

    target = output if output is not None else Path(f"{result.stem}.png")
    if output is not None and len(drawn) == 1:
        check_output(target)
        yield save_figure(drawn[0][1](), target)
        return
    if target.suffix.lower() == ".pdf":
        check_output(target)
        yield save_pages([draw() for _, draw in drawn], target)
        return
    for name, draw in drawn:
        safe = for_system(name.replace("/", "_").replace("\\", "_"))
        yield save_figure(draw(), target.with_name(f"{target.stem}_{safe}{target.suffix}"))
