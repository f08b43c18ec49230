"""The command `fastsed`: a parameter file in, an output catalogue out."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, chdir
from pathlib import Path
from typing import TYPE_CHECKING

from fastsed.atomic import atomic_write
from fastsed.cli.messages import Progress, hold_logging, run_command, start_logging
from fastsed.errors import FastsedError, InputError, UsageError
from fastsed.threads import wait_briefly

if TYPE_CHECKING:
    from fastsed.params import Params
    from fastsed.results import Results

DEFAULT_FILE = "fast.param"
EXAMPLE = "gst"
EXAMPLE_FOLDER = "fastsed-example"
SHELLS = ("bash", "zsh", "fish")


def make_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog="fastsed",
        description="Fit the spectral energy distributions of a catalogue of galaxies, as a FAST parameter file says.",
        epilog="Example: fastsed fast.param N_THREAD=4 OUTPUT_FILE=try2",
    )
    # one positional for both, so that options may stand anywhere between them
    parser.add_argument(
        "words",
        nargs="*",
        metavar="FILE.param KEY=value",
        help=f"parameter file of FAST or FAST++ (default: {DEFAULT_FILE}), and values that replace those of the file",
    )
    parser.add_argument(
        "--check", action="store_true", help="check all inputs, estimate memory and time, fit nothing"
    )
    parser.add_argument(
        "--example",
        nargs="?",
        const=EXAMPLE_FOLDER,
        metavar="DIR",
        help=f"copy the example of 500 galaxies to DIR (default: {EXAMPLE_FOLDER}) and fit it",
    )
    parser.add_argument("--help-param", metavar="KEY", help="explain a key of the parameter file")
    parser.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="say nothing but errors, and how many warnings there were (as VERBOSE=0)",
    )
    parser.add_argument(
        "--cite",
        action="store_true",
        help="print, as BibTeX, what results of FILE.param (default: of a run without special settings) should cite",
    )
    parser.add_argument(
        "--completion",
        choices=SHELLS,
        metavar="SHELL",
        help=f"print the completion of all commands for a shell: {', '.join(SHELLS)}",
    )
    parser.add_argument("--version", action="store_true", help="show versions, threads and SIMD level")
    parser.add_argument("--json", action="store_true", help="with --version: as JSON, for programs")
    return parser


def copy_example(folder: Path) -> Path:
    """Copy the shipped example to `folder`; the parameter file's path comes back.

    Raises
    ------
    InputError
        If `folder` holds something else, or an example that was changed.
    """
    from fastsed.paths import share_dir

    source = share_dir() / "examples" / EXAMPLE
    parameter_file = folder / f"{EXAMPLE}.param"
    elsewhere = f"; say where the example shall go: fastsed --example DIR (not {folder})"
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file" + elsewhere, folder)
    if folder.exists() and any(folder.iterdir()) and not parameter_file.exists():
        raise InputError("holds other files" + elsewhere, folder)
    for shipped in sorted(source.iterdir()):
        copy = folder / shipped.name
        if copy.exists() and copy.read_bytes() != shipped.read_bytes():
            raise InputError(
                f"was changed; run `fastsed {parameter_file.name}` in {folder}, or choose a new folder", copy
            )
        with atomic_write(copy, "wb") as f:
            f.write(shipped.read_bytes())
    return parameter_file


def check(params: Params) -> None:
    """Print what a run would do."""
    from fastsed.outputs.preflight import check_outputs
    from fastsed.preview import preview
    from fastsed.problem import prepare
    from fastsed.verdict.finding import report

    problem = prepare(params)
    check_outputs(problem)
    report(problem.verdict)
    for line in preview(problem):
        print(line)


def fit(params: Params) -> Results | None:
    """Fit and write, with progress shown; with MAKE_SEDS, write the spectra of its list instead."""
    from fastsed.pipeline import run

    with ExitStack() as stack:
        return run(
            params, lambda problem: stack.enter_context(Progress(problem.plan.n_models, params.verbose))
        )


def read(path: str, overrides: list[str], quiet: bool) -> Params:
    """Read the parameters, then show as much as they say."""
    from fastsed.params import read_params

    hold_logging()
    try:
        params = read_params(path, [*overrides, *(["VERBOSE=0"] if quiet else [])])
    except FastsedError:
        start_logging(logging.ERROR if quiet else logging.WARNING)
        raise
    level = logging.DEBUG if params.debug else logging.INFO
    start_logging(level if params.verbose else logging.ERROR)
    return params


def run_example(folder: Path, overrides: list[str], options: argparse.Namespace) -> None:
    """Copy the example, fit it, and show what came out."""
    parameter_file = copy_example(folder)
    # paths in a parameter file are relative to where the program runs
    with chdir(folder):
        params = read(parameter_file.name, overrides, options.quiet)
        if options.check:
            check(params)
            return
        results = fit(params)
        if results is not None and params.verbose:
            from fastsed.outputs.paths import catalogue_paths
            from fastsed.outputs.summary import summary

            paths = " and ".join(str(path.resolve()) for path in catalogue_paths(params).values())
            print(f"\n{summary(results)}\n\nThe catalogue is {paths}")
            print(next_steps(parameter_file.name, folder))


def run_file(path: str, overrides: list[str], options: argparse.Namespace) -> None:
    """Fit, or check, as a parameter file says."""
    params = read(path, overrides, options.quiet)
    if options.check:
        check(params)
        return
    from fastsed.outputs.paths import catalogue_paths

    is_first = not any(os.path.exists(path) for path in catalogue_paths(params).values())
    results = fit(params)
    if is_first and results is not None and params.verbose and sys.stdout.isatty():
        print(next_steps(path))


def next_steps(parameter_file: str, folder: Path | None = None) -> str:
    """A hint, after a first run, of what can be done with it."""
    steps = {
        f"fastsed {parameter_file} BEST_FIT=1": "write the spectra of the best fits, too",
        f"fastsed-plot {parameter_file}": "draw masses, rates, chi2 (needs pip install 'fastsed[plot]')",
        f"fastsed-report {parameter_file}": "a page with all of it: verdict, table, spectra (needs the same)",
        "fastsed --help-param DUST_LAW": "what a key of the parameter file means",
        f"fastsed --cite {parameter_file} > cite.bib": "what a paper that uses the results should cite",
    }
    width = max(map(len, steps))
    where = "" if folder is None else f", in the folder {folder}"
    return "\n".join([f"\nNext{where}:", *(f"  {step:<{width}}   {what}" for step, what in steps.items())])


def cite(words: list[str]) -> None:
    """Print what the results of a parameter file should cite; of the default settings where none is named."""
    from fastsed.citations import bibtex, citations

    if not words:
        print(bibtex(citations()), end="")
        return
    from fastsed.inputs.catalog import read_catalog

    path, overrides = split_words(words)
    params = read(path, checked_overrides(overrides), quiet=True)
    _, filters = read_catalog(params)
    print(bibtex(citations(params, [one.name for one in filters])), end="")


def command(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says."""
    options = make_parser().parse_intermixed_args(argv)
    if options.json and not options.version:
        raise UsageError("--json goes with --version")
    if options.version:
        from fastsed.cli import version

        print(version.as_json() if options.json else version.as_text())
    elif options.cite:
        cite(options.words)
    elif options.completion is not None:
        from fastsed.cli.completion import completion

        print(completion(options.completion), end="")
    elif options.help_param is not None:
        from fastsed.params import describe_key

        # in one piece, which a reader that needs no more than a word of it does not break
        print(describe_key(options.help_param) + "\n", end="")
    elif options.example is not None:
        example, words = options.example, options.words
        if "=" in example:
            example, words = EXAMPLE_FOLDER, [example, *words]
        run_example(Path(example), checked_overrides(words), options)
    else:
        path, words = split_words(options.words)
        run_file(path, checked_overrides(words), options)
    return 0


def split_words(words: list[str]) -> tuple[str, list[str]]:
    """The parameter file, that of FAST's name where none is given, and the other words.

    Raises
    ------
    UsageError
        Where none is given and there is none of that name.
    """
    if words and ("=" not in words[0] or Path(words[0]).exists()):
        return words[0], words[1:]
    if not Path(DEFAULT_FILE).is_file():
        raise UsageError(
            f"no parameter file given, and no {DEFAULT_FILE} is here; try `fastsed --help`, or `fastsed --example`"
        )
    return DEFAULT_FILE, words


def checked_overrides(words: list[str]) -> list[str]:
    """The words themselves, all of which must read KEY=value.

    Raises
    ------
    UsageError
        Where one does not.
    """
    for word in words:
        if "=" not in word.lstrip("="):
            raise UsageError(f"expected KEY=value, found '{word}'")
    return words


def run(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    wait_briefly()
    return run_command("fastsed", command, argv)


if __name__ == "__main__":
    sys.exit(run())
