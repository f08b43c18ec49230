"""The argument parsers of all commands in; what they take, as plain data for man pages and shell completion, out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib import import_module

PARSERS = {
    "fastsed": "fastsed.cli.main",
    "fastsed-library": "fastsed.cli.library",
    "fastsed-filters": "fastsed.cli.filters",
    "fastsed-grid2fits": "fastsed.cli.grid2fits",
    "fastsed-sfh2sed": "fastsed.cli.sfh2sed",
    "fastsed-plot": "fastsed.cli.plot",
    "fastsed-report": "fastsed.cli.report",
    "fastsed-survey": "fastsed.cli.survey.main",
}
"""The commands, and the modules whose `make_parser()` says what they take."""


@dataclass(frozen=True)
class Option:
    """An option, or a positional argument, which has no `names`."""

    names: tuple[str, ...]
    metavar: str
    choices: tuple[str, ...]
    help: str
    usage: str


@dataclass(frozen=True)
class Key:
    """A word `NAME=value` that a command takes."""

    name: str
    choices: tuple[str, ...]
    help: str


@dataclass(frozen=True)
class Command:
    """A command, or a step of one.

    Attributes
    ----------
    name : str
        For instance "fastsed-survey", or "fit" for a step of it.
    usage, description, epilog : str
    options : tuple of Option
    arguments : tuple of Option
        The positional ones.
    keys : tuple of Key
    steps : tuple of Command
    """

    name: str
    usage: str
    description: str
    epilog: str
    options: tuple[Option, ...]
    arguments: tuple[Option, ...]
    keys: tuple[Key, ...]
    steps: tuple[Command, ...]

    def below(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
        """Its steps and theirs, each with the names that lead to it."""
        for step in self.steps:
            yield (*path, step.name), step
            yield from step.below((*path, step.name))


def commands() -> list[Command]:
    """All commands that the package installs."""
    return [
        _command(name, import_module(module).make_parser(), _keys(name)) for name, module in PARSERS.items()
    ]


def _command(name: str, parser: argparse.ArgumentParser, keys: tuple[Key, ...] = ()) -> Command:
    actions = list(parser._actions)
    every = [_option(parser, action) for action in actions if not _is_steps(action)]
    visible = [one for one in every if one.help != argparse.SUPPRESS]
    return Command(
        name,
        _usage(name, parser, visible),
        parser.description or "",
        parser.epilog or "",
        tuple(one for one in visible if one.names),
        tuple(one for one in visible if not one.names),
        keys,
        tuple(_steps(actions)),
    )


def _is_steps(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


def _steps(actions: list[argparse.Action]) -> Iterator[Command]:
    for action in actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        meanings = {one.dest: one.help or "" for one in action._choices_actions}
        for name, parser in action.choices.items():
            parser.description = parser.description or meanings.get(name, "")
            yield _command(name, parser)


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    """What a parser says of one of its actions."""
    choices = tuple(str(one) for one in action.choices or ())
    metavar = ""
    if action.nargs != 0:
        shown = action.metavar or ("|".join(choices) if choices else action.dest.upper())
        metavar = shown if isinstance(shown, str) else " ".join(shown)
    text = action.help or ""
    if text and text != argparse.SUPPRESS:
        text = parser._get_formatter()._expand_help(action)
    names = tuple(action.option_strings)
    return Option(names, metavar, choices, " ".join(text.split()), _option_usage(action, metavar))


def _option_usage(action: argparse.Action, metavar: str) -> str:
    """As argparse writes it, but alike with every version of Python."""
    name = action.option_strings[0] if action.option_strings else ""
    repeated = " ..." * (action.nargs in ("*", "+"))
    value = f"[{metavar}]" if name and action.nargs == "?" else metavar + repeated
    text = f"{name} {value}".strip()
    left_out = not action.required if name else action.nargs in ("?", "*")
    return f"[{text}]" if left_out else text


def _usage(name: str, parser: argparse.ArgumentParser, options: list[Option]) -> str:
    if parser.usage is not None:
        return parser.usage
    ordered = sorted(options, key=lambda one: not one.names)
    steps = ["STEP ..."] if any(_is_steps(action) for action in parser._actions) else []
    return " ".join([name, *(one.usage for one in ordered), *steps])


def _keys(name: str) -> tuple[Key, ...]:
    """The `KEY=value` words of a command, from the table that reads them."""
    if name == "fastsed":
        from fastsed.params import key_fields

        rows = key_fields().values()
        return tuple(
            Key(row.name.upper(), tuple(map(str, row.metadata["choices"])), row.metadata["doc"])
            for row in rows
        )
    if name == "fastsed-sfh2sed":
        from fastsed.cli.sfh2sed import Options

        return tuple(Key(row.name, (), row.metadata["doc"]) for row in fields(Options))
    return ()
