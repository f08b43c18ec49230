"""Print the oldest versions that pyproject.toml allows, as constraints for pip: `name==version`, one a line.

usage: python scripts/oldest_dependencies.py [EXTRA ...]
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def oldest(extras: list[str]) -> list[str]:
    """Constraints for the dependencies, and those of extras.

    Raises
    ------
    ValueError
        For a dependency without a lowest version.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    constraints = []
    for text in wanted:
        found = re.fullmatch(r"([\w.-]+)>=([\d.]+)", text)
        if found is None:
            raise ValueError(f"{text}: expected NAME>=VERSION")
        constraints.append(f"{found[1]}=={found[2]}.*")
    return constraints


if __name__ == "__main__":
    print("\n".join(oldest(sys.argv[1:])))
