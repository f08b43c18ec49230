"""Man pages: complete, and without complaints of the formatter."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from fastsed.cli.command_tree import Command, Option, commands
from fastsed.cli.manpages import man_page
from fastsed.params import key_fields

ALL = commands()


@pytest.mark.parametrize("command", ALL, ids=[one.name for one in ALL])
def test_page_is_whole(command):
    text = man_page(command).replace("\\-", "-")
    assert text.startswith(f".TH {command.name.upper()} 1 ")
    everything = [*command.options, *(one for _, step in command.below() for one in step.options)]
    assert all(f"\\fB{name}\\fR" in text for one in everything for name in one.names)
    # a request begins with a dot, and there are no others
    requests = {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))}
    assert requests <= {".TH", ".SH", ".SS", ".TP", ".B"}


def test_keys():
    text = man_page(ALL[0])
    assert all(f"\n.B {name.upper()}\n" in text for name in key_fields())


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
@pytest.mark.parametrize("command", ALL, ids=[one.name for one in ALL])
def test_formatter_has_no_complaints(command):
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-Kutf8"],
        input=man_page(command),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stderr == ""
    # bold letters are overstruck
    assert "SEE ALSO" in re.sub(".\b", "", done.stdout)


def test_special_characters():
    option = Option(("--x",), "", (), ".starts with a dot, a \\ and 'quotes'", "[--x]")
    text = man_page(Command("one", "one", "One.", "", (option,), (), (), ()))
    assert "\n\\&.starts with a dot, a \\e and 'quotes'\n" in text
