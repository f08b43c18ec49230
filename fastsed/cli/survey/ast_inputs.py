"""`fastsed-survey ast-inputs`: settings in; the list of artificial stars to put into the images out."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from fastsed.survey.ast_inputs import KEYS, choose_ast_models, place_ast_models
from fastsed.survey.ast_lists import split_ast_list, write_ast_list, write_placed_list
from fastsed.survey.known_keys import known_keys
from fastsed.survey.settings import read_settings

log = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "keys of the settings:\n" + "\n".join(f"  {key:34s}{text}" for key, text in KEYS.items())
    parser.add_argument("settings", metavar="SETTINGS.toml")
    method = parser.add_mutually_exclusive_group()
    method.add_argument(
        *("--random", "--random_seds"),
        dest="method",
        action="store_const",
        const="random",
        help="as many models of each age, in place of the key ast_models_selection",
    )
    method.add_argument(
        *("--supplement", "--suppl_seds"),
        dest="method",
        action="store_const",
        const="supplement",
        help="more models, which the list ast_existing_file does not have",
    )
    parser.add_argument(
        "--split", type=int, metavar="N", help="also <project>_ASTs.tar: files of N lines with positions"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the lists."""
    settings = read_settings(arguments.settings)
    settings.check_keys(known_keys())
    method = arguments.method or settings.values.get("ast_models_selection", "fluxbins")
    models = choose_ast_models(settings, arguments.method)
    project = settings.path.parent / settings.text("project", "field")
    supplement = method == "supplement"
    placed = (
        place_ast_models(settings, models)
        if _wants_positions(arguments, settings.flag("ast_with_positions"))
        else None
    )
    for path in write_ast_list(models, project, supplement):
        log.info("%s written", path)
    log.info("%d models", len(models.rows))
    if placed is not None:
        names, positions, model = placed
        path = Path(f"{project}_inputAST{'_suppl' if supplement else ''}.txt")
        write_placed_list(models, names, positions, model, path)
        log.info("%s written: %d artificial stars", path, len(model))
        if arguments.split is not None:
            count = split_ast_list(path, arguments.split, f"{project}_ASTs.tar")
            log.info("%s_ASTs.tar written: %d files", project, count)


def _wants_positions(arguments: argparse.Namespace, flag: bool) -> bool:
    return flag or arguments.split is not None
