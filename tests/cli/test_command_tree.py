"""What the commands take, as data: all commands and steps, each option once, no matter which Python."""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import fields
from pathlib import Path

from fastsed.cli.command_tree import PARSERS, Command, _command, commands
from fastsed.cli.sfh2sed import Options
from fastsed.cli.survey.main import COMMANDS
from fastsed.params import key_fields

ROOT = Path(__file__).resolve().parents[2]


def by_name() -> dict[str, Command]:
    return {one.name: one for one in commands()}


def test_all_commands():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {name: target.partition(":")[0] for name, target in scripts.items()} == PARSERS


def test_steps_keys_and_options():
    found = by_name()
    assert [step.name for step in found["fastsed-survey"].steps] == list(COMMANDS)
    assert [key.name for key in found["fastsed"].keys] == [name.upper() for name in key_fields()]
    assert [key.name for key in found["fastsed-sfh2sed"].keys] == [row.name for row in fields(Options)]
    paths = [path for path, _ in found["fastsed-survey"].below()]
    assert ("noise", "toothpick") in paths
    law = next(key for key in found["fastsed"].keys if key.name == "DUST_LAW")
    assert law.choices[0] == "calzetti"


def test_every_option_of_the_survey_is_explained_where_its_parser_does():
    for _, step in by_name()["fastsed-survey"].below():
        assert step.description
        assert all(not one.help.startswith("%") and "%(" not in one.help for one in step.options)


def test_an_option():
    parser = argparse.ArgumentParser("x", description="Do it.")
    parser.add_argument("file", nargs="+", metavar="FILE", help="what  to\n read")
    parser.add_argument("-o", "--output", required=True, metavar="OUT")
    parser.add_argument("--kind", choices=["a", "b"], default="a", help="which (default %(default)s)")
    parser.add_argument("--at", nargs="?", metavar="DIR", help=argparse.SUPPRESS)
    found = _command("x", parser)
    assert found.usage == "x [-h] -o OUT [--kind a|b] FILE ..."
    assert found.arguments[0].help == "what to read"
    kind = found.options[-1]
    assert (kind.names, kind.choices, kind.help) == (("--kind",), ("a", "b"), "which (default a)")
