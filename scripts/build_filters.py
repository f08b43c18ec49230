"""Make share/FILTER.RES.latest, EAzY's filter file: the ppxf 9.5.2 wheel in (else fetched), the file out.

usage: python scripts/build_filters.py [WHEEL]

The wheel carries the file of https://github.com/gbrammer/eazy-photoz (filters/FILTER.RES.latest) with
comment lines on top; only these are dropped, so that filter numbers and curves stay EAzY's.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from fastsed.atomic import atomic_write

PPXF = "ppxf==9.5.2"
MEMBER = "ppxf/examples/FILTER.RES.txt"
TARGET = Path(__file__).resolve().parent.parent / "share" / "FILTER.RES.latest"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(sys.argv[1]) if len(sys.argv) > 1 else download(folder)
        with zipfile.ZipFile(wheel) as archive:
            lines = archive.read(MEMBER).decode("utf-8").splitlines()
    while lines and lines[0].startswith("#"):
        del lines[0]
    n_curves = check(lines)
    with atomic_write(TARGET) as f:
        f.writelines(line.rstrip() + "\n" for line in lines)
    print(f"{TARGET}: {n_curves} filters, {TARGET.stat().st_size / 1e6:.1f} MB")


def download(folder: str) -> Path:
    """Fetch the wheel with pip."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", folder, PPXF]
    subprocess.run(command, check=True)
    return next(Path(folder).glob("ppxf-*.whl"))


def check(lines: list[str]) -> int:
    """Number of curves; an error where a header's number of points is not what follows."""
    start = count = 0
    while start < len(lines) and lines[start].strip():
        n_points = int(lines[start].split()[0])
        points = [line.split() for line in lines[start + 1 : start + 1 + n_points]]
        if len(points) != n_points or any(len(point) < 3 for point in points):
            sys.exit(f"filter {count + 1} is not whole")
        start += 1 + n_points
        count += 1
    return count


if __name__ == "__main__":
    main()
