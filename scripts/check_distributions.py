"""Check that wheels and sdists hold what they must, and nothing else.

usage: python scripts/check_distributions.py FILE|FOLDER ...
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_IN_WHEELS = re.compile(r"\.(pyx|pxd|c|h)$|^(tests|docs|scripts|benchmarks|distribution)/")
NOT_IN_SDISTS = re.compile(r"\.(so|pyd|pyc|cache)$|^fastsed/_ext/\w+\.c$")
LARGEST_WHEEL = 25e6


def main() -> None:
    paths = [path for name in sys.argv[1:] for path in _expanded(Path(name))]
    if not paths:
        sys.exit(__doc__)
    complaints = [f"{path.name}: {text}" for path in paths for text in check(path)]
    print("\n".join(complaints) or f"{len(paths)} files: all there, nothing else")
    sys.exit(bool(complaints))


def _expanded(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted([*path.glob("*.whl"), *path.glob("*.tar.gz")])
    return [path]


def check(path: Path) -> list[str]:
    """Complaints about a wheel or an sdist."""
    if path.suffix == ".whl":
        return check_wheel(path)
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    return _missing(expected_in_sdist(), names) + _unwanted(names, NOT_IN_SDISTS)


def check_wheel(path: Path) -> list[str]:
    """Complaints about a wheel."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        metadata = next((name for name in names if name.endswith(".dist-info/METADATA")), "")
        text = archive.read(metadata).decode() if metadata else ""
    complaints = _missing(expected_in_wheel(), names) + _unwanted(names, NOT_IN_WHEELS)
    data = {name.partition(".data/data/")[2] for name in names if ".data/data/" in name}
    complaints += _missing(_below(ROOT / "distribution", "share/**/*"), data)
    for kernel in sorted((ROOT / "fastsed" / "_ext").glob("*.pyx")):
        pattern = re.compile(rf"fastsed/_ext/{kernel.stem}\.[^/]*(so|pyd)")
        if not any(pattern.fullmatch(name) for name in names):
            complaints.append(f"no kernel fastsed/_ext/{kernel.stem}")
    if not any(name.endswith("licenses/LICENSE") for name in names):
        complaints.append("no LICENSE")
    if re.search(r"\]\((?![a-z]+:|#)", text.partition("\n\n")[2]):
        complaints.append("its description has relative links")
    if path.stat().st_size > LARGEST_WHEEL:
        complaints.append(f"has {path.stat().st_size / 1e6:.0f} MB")
    return complaints


def expected_in_wheel() -> set[str]:
    """Modules, type information and data files."""
    modules = _below(ROOT, "fastsed/**/*.py") | _below(ROOT, "fastsed/**/*.pyi") | {"fastsed/py.typed"}
    page = {name for name in _below(ROOT, "fastsed/report/page.*") if name.endswith((".css", ".js"))}
    return modules | page | {f"fastsed/{name}" for name in _below(ROOT, "share/**/*")}


def expected_in_sdist() -> set[str]:
    """All that is needed to build, test and document."""
    found = {"pyproject.toml", "setup.py", "LICENSE", "README.md", "CITATION.cff", "CHANGELOG.md", "Makefile"}
    found |= _below(ROOT, "fastsed/report/page.*")
    for pattern in ("fastsed/**/*.py*", "fastsed/**/*.h", "share/**/*", "tests/**/*.py", "docs/**/*.md"):
        found |= _below(ROOT, pattern)
    found |= _below(ROOT, "distribution/**/*") | _below(ROOT, "scripts/*")
    return {name for name in found if not name.endswith(".pyc")}


def _below(folder: Path, pattern: str) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.glob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


def _missing(expected: Iterable[str], names: set[str]) -> list[str]:
    return [f"no {name}" for name in sorted(set(expected) - names)]


def _unwanted(names: set[str], pattern: re.Pattern[str]) -> list[str]:
    return [f"should not hold {name}" for name in sorted(names) if pattern.search(name)]


if __name__ == "__main__":
    main()
