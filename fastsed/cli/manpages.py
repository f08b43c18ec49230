"""What the commands take in; man pages (roff, section 1) out."""

from __future__ import annotations

from fastsed._version import __version__
from fastsed.cli.command_tree import PARSERS, Command, Key, Option

EXIT_STATUS = (
    ("0", "all went well"),
    ("1", "an input is wrong, or an output cannot be written"),
    ("2", "wrong usage"),
    ("130", "interrupted (Ctrl-C); 143 and 129 after SIGTERM and SIGHUP"),
)


def man_page(command: Command) -> str:
    """The page of a command."""
    lines = [
        f'.TH {_escaped(command.name.upper())} 1 "" "fastsed {__version__}" "fastsed manual"',
        ".SH NAME",
        f"{_escaped(command.name)} \\- {_escaped(command.description.split(':')[0].rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_escaped(command.usage)}",
        ".SH DESCRIPTION",
        _escaped(command.description),
        *_section("ARGUMENTS", command.arguments),
        *_section("OPTIONS", command.options),
    ]
    if command.steps:
        lines.append(".SH COMMANDS")
        for path, step in command.below():
            lines += [
                f".SS {_escaped(' '.join([*path[:-1], step.usage]))}",
                _escaped(step.description),
            ]
            lines += [line for one in (*step.arguments, *step.options) for line in _entry(one)]
    lines += _key_section(command.keys)
    lines.append(".SH EXIT STATUS")
    lines += [line for status, meaning in EXIT_STATUS for line in (".TP", f".B {status}", _escaped(meaning))]
    others = [name for name in PARSERS if name != command.name]
    lines += [".SH SEE ALSO", ", ".join(f"\\fB{_escaped(name)}\\fR(1)" for name in others)]
    return "\n".join(line for line in lines if line) + "\n"


def _section(title: str, options: tuple[Option, ...]) -> list[str]:
    if not options:
        return []
    return [f".SH {title}", *(line for one in options for line in _entry(one))]


def _entry(option: Option) -> list[str]:
    names = ", ".join(f"\\fB{_escaped(name)}\\fR" for name in option.names)
    value = f"\\fI{_escaped(option.metavar)}\\fR" if option.metavar else ""
    meaning = option.help or (f"one of {', '.join(option.choices)}" if option.choices else "")
    return [".TP", " ".join(part for part in (names, value) if part), _escaped(meaning) or "\\&"]


def _key_section(keys: tuple[Key, ...]) -> list[str]:
    if not keys:
        return []
    lines = [".SH KEYS"]
    for key in keys:
        choices = f" One of {', '.join(key.choices)}." if key.choices else ""
        lines += [".TP", f".B {_escaped(key.name)}", _escaped(key.help + choices)]
    return lines


def _escaped(text: str) -> str:
    """Text that roff prints as it is: backslashes, hyphens, and a first character that would be a request."""
    plain = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + plain if plain.startswith((".", "'")) else plain
