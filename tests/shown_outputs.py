"""What the documentation shows: pages in, the commands and programs in them run, the outputs compared or put in place.

The blocks of a page are run one after the other, in one folder that holds the shipped example (and `fast.param`, the
same as `gst.param`), or in an empty one where the page begins with `fastsed --example`. In the Markdown source, a
comment before a block says what the block is, where it is no program:

* ```` ``` ```` with lines that begin with `$`: commands, each followed by its output;
* ```` ``` ```` without: commands, the output of which is not shown;
* ```` ```python ````: a program;
* after `<!-- output: COMMAND -->`: what the command prints; `<!-- output -->`: what the program above printed;
* after `<!-- not run: REASON -->`: anything else.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastsed.paths import share_dir
from tests.helpers import copy_example

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>output|not run)(?:: (?P<text>[^\n]*?))? -->\n\n?)?^```(?P<language>\w*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
HOME = "/home/me"
SHIPPED = f"{HOME}/.venv/lib/python3.11/site-packages/fastsed/share"

LAST_DIGITS = 2e-5

VARYING = (
    (r"\b\d+(\.\d+)? (ms|s|min|h|minutes|seconds)\b", "TIME"),
    (r"\b\d+(\.\d+)? (kB|MB|GB|TB)\b", "SIZE"),
    (r"\b\d+ threads?\b|threads: \d+", "THREADS"),
    (r"SIMD: +\w+", "SIMD"),
    (r"(?m)^fastsed \d\S*$", "VERSION"),
    (r"(?m)^python \d.*$", "VERSIONS"),
    (r"fastsed-models-\w+\.cache", "CACHE"),
)
"""What differs between machines, versions of other packages and minutes: pattern, replacement."""


@dataclass(frozen=True)
class Shown:
    """An output that a page shows, what came out, and where it stands in the text."""

    start: int
    stop: int
    text: str
    found: str

    @property
    def up_to_date(self) -> bool:
        return alike(normalised(self.text), normalised(self.found))


def alike(one: str, other: str) -> bool:
    """Whether two texts are the same but for the last digits of numbers, which depend on the machine's BLAS."""
    one_words, other_words = one.split(), other.split()
    return (
        one.count("\n") == other.count("\n")
        and len(one_words) == len(other_words)
        and all(a == b or _close(a, b) for a, b in zip(one_words, other_words, strict=True))
    )


def _close(one: str, other: str) -> bool:
    try:
        return math.isclose(float(one), float(other), rel_tol=LAST_DIGITS)
    except ValueError:
        return False


def normalised(text: str) -> str:
    """Text without what may differ."""
    for pattern, replacement in VARYING:
        text = re.sub(pattern, replacement, text)
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))


def runs(page: Path) -> bool:
    """Whether a page has anything to run."""
    return any(_runs(match) for match in BLOCK.finditer(page.read_text(encoding="utf-8")))


def _runs(block: re.Match[str]) -> bool:
    return block["mark"] != "not run" and block["language"] in ("", "python")


def run_page(page: Path, folder: Path) -> list[Shown]:
    """Run the blocks of a page in an empty folder.

    Raises
    ------
    RuntimeError
        If a command or program fails whose output is not shown.
    """
    text = page.read_text(encoding="utf-8")
    shell = _Shell(folder, makes_example="\n$ fastsed --example\n" in text)
    printed = ""
    shown = []
    for match in BLOCK.finditer(text):
        body = match["body"]
        if not _runs(match):
            continue
        if match["mark"] == "output":
            found = shell.run(match["text"]) if match["text"] else printed
            shown.append(Shown(match.start("body"), match.end("body"), body, found))
        elif match["language"] == "python":
            printed = shell.run_python(body)
        elif body.startswith("$ "):
            for start, stop, command in _commands(body):
                found = shell.run(command, may_fail=True)
                at = match.start("body")
                shown.append(Shown(at + start, at + stop, body[start:stop], found))
        else:
            shell.run(body)
    return shown


def refreshed(page: Path, shown: list[Shown]) -> str:
    """Text of the page with the outputs that came out where others stand."""
    text = page.read_text(encoding="utf-8")
    for one in reversed(shown):
        if not one.up_to_date:
            ending = "\n" if one.found else ""
            text = text[: one.start] + one.found.rstrip("\n") + ending + text[one.stop :]
    return text


def _commands(body: str) -> Iterator[tuple[int, int, str]]:
    """Where the output of each command of a block begins and ends, and the command."""
    matches = list(re.finditer(r"^\$ (?P<command>(?:[^\n]*\\\n)*[^\n]*)\n", body, re.MULTILINE))
    for match, after in zip(matches, [*matches[1:], None], strict=True):
        yield match.end(), after.start() if after else len(body), match["command"]


class _Shell:
    """Runs commands one after the other as a user's shell would: folder and variables last."""

    def __init__(self, folder: Path, makes_example: bool):
        self.home = folder / "home"
        self.folder = self.home if makes_example else self.home / "fastsed-example"
        self.folder.mkdir(parents=True)
        if not makes_example:
            copy_example(self.folder)
            (self.folder / "fast.param").write_bytes((self.folder / "gst.param").read_bytes())
        self.state = folder / "state"
        self.state.write_text(f"cd '{self.folder}'\n")
        self.environment = {
            **os.environ,
            "PATH": f"{_programs(folder / 'bin')}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "COLUMNS": "80",
            "LC_ALL": "C.UTF-8",
        }
        for name in ("XDG_DATA_HOME", "FASTSED_DATA_DIR", "FASTSED_SIMD"):
            self.environment.pop(name, None)

    def run(self, commands: str, may_fail: bool = False) -> str:
        """What the commands print."""
        script = f". '{self.state}'\n{commands}\nstatus=$?\n{{ echo \"cd '$PWD'\"; declare -p library 2>/dev/null; }}"
        script += f" > '{self.state}'\nexit $status\n"
        return self._output(["bash", "-c", script], commands, may_fail)

    def run_python(self, program: str) -> str:
        script = f". '{self.state}'\nexec python -c \"$1\"\n"
        return self._output(["bash", "-c", script, "bash", program], program, False)

    def _output(self, command: list[str], shown: str, may_fail: bool) -> str:
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        if result.returncode and not may_fail:
            hint = "(if this is no program, mark it as tests/shown_outputs.py says)"
            raise RuntimeError(f"status {result.returncode} of: {shown}\n{hint}\n{result.stdout}")
        return result.stdout.replace(str(share_dir()), SHIPPED).replace(str(self.home), HOME)


def _programs(folder: Path) -> Path:
    """The commands of the package under test, whether or not it is installed, and its Python."""
    folder.mkdir()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for name, target in scripts.items():
        module, _, function = target.partition(":")
        code = f"import sys; from {module} import {function}; sys.argv[0] = '{name}'; sys.exit({function}())"
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -c "{code}" "$@"\n')
    (folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "$@"\n')
    for path in folder.iterdir():
        path.chmod(0o755)
    return folder
