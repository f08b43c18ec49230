"""The fit of stars: kernel, set-up and whole command against two grids, beside what BEAST HEAD needs."""

import argparse
import json
import sys
from pathlib import Path

from common import ROOT, SHARED, Report, Skip, main, measure, options, repeat, scratch

# CPU seconds of BEAST HEAD with its default products: set-up, and a star; without 2-D PDFs
PEER_FILES = {"1e5": "beast_1e5.json", "1e6": "beast_1e6.json"}
SURVEY = (sys.executable, "-c", "import sys; from fastsed.cli.survey.main import main; sys.exit(main())")

KERNEL = """
import json, sys, time
import numpy as np
from fastsed.fitting.stars import FitOptions, StarFitter
from fastsed.fitting.stars.parameters import DEFAULT_2D
from fastsed.survey.star_catalogue import read_star_catalogue
from fastsed.survey.star_models import FileModels
folder, pairs, runs = sys.argv[1], sys.argv[2] == "pairs", int(sys.argv[3])
with FileModels(f"{folder}/grid.hd5", f"{folder}/noise.hd5") as source:
    begin = time.process_time()
    fitter = StarFitter(source, FitOptions(pairs=DEFAULT_2D if pairs else ()), fits_order=True)
    setup = time.process_time() - begin
    stars = [read_star_catalogue(f"{folder}/cat_sub{j}.fits", source.filters, f"{folder}/vega.txt").fluxes
             for j in range(4)]
fluxes, times = np.concatenate(stars), []
for _ in range(runs):
    begin = time.process_time()
    for i in range(0, len(fluxes), 1000):
        fitter.fit(fluxes[i : i + 1000], i, reuse=True)
    times.append((time.process_time() - begin) / len(fluxes) * 1e6)
print(json.dumps({"setup": setup, "stars": sorted(times)}))
"""


def prepare(folder: Path, inputs: Path, numbers: list[int]) -> list[str]:
    """Links to the inputs, noise models, catalogues of so many stars; the names of the grids."""
    code = (
        "import sys, numpy as np\nfrom astropy.table import Table, vstack\n"
        "parts = [Table.read(f'{sys.argv[1]}/cat_sub{j}.fits') for j in range(4)]\n"
        "whole = vstack(parts)\n"
        "for n in map(int, sys.argv[2:]):\n"
        "    rows = np.arange(n) % len(whole)\n"
        "    whole[np.sort(rows)].write(f'{sys.argv[1]}/cat{n}.fits', overwrite=True)\n"
    )
    names = [name for name in PEER_FILES if (inputs / name / "grid.hd5").is_file()]
    if not names:
        raise Skip(
            f"no {inputs}/1e5/grid.hd5: run make_inputs.py of the reference material, and name its folder"
        )
    for name in names:
        (folder / name).mkdir()
        for file in [
            inputs / name / f for f in ("grid.hd5", "vega.txt", *(f"cat_sub{j}.fits" for j in range(4)))
        ]:
            (folder / name / file.name).symlink_to(file.resolve())
        measure([*SURVEY, "noise", "splinter", "grid.hd5", "-o", "noise.hd5"], cwd=folder / name)
        measure([sys.executable, "-c", code, str(folder / name), *map(str, numbers)])
    return names


def kernel_rows(folder: Path, name: str, peer: dict, runs: int) -> list[dict]:
    """Microseconds a star, without and with 2-D PDFs."""
    rows = []
    for kind, key in (("none", "fit"), ("pairs", "fit_pdf2d")):
        output = measure([sys.executable, "-c", KERNEL, str(folder / name), kind, str(runs)]).output
        found = json.loads(output.strip().splitlines()[-1])
        typical = found["stars"][len(found["stars"]) // 2]
        rows.append(
            {
                "grid": name,
                "2-D PDFs": kind == "pairs",
                "set-up CPU s": round(found["setup"], 2),
                "us a star, least": round(found["stars"][0], 1),
                "median": round(typical, 1),
                "BEAST us": round(peer[key]["per_star"] * 1e6),
                "ratio": round(peer[key]["per_star"] * 1e6 / typical),
            }
        )
    return rows


def command_row(folder: Path, name: str, n_stars: int, peer: dict, runs: int) -> dict:
    """The whole command with all products."""
    command = [
        *SURVEY,
        "fit",
        "grid.hd5",
        "noise.hd5",
        f"cat{n_stars}.fits",
        "-o",
        "f",
        "--vega",
        "vega.txt",
        "-q",
    ]
    found = repeat(runs, lambda: measure(command, cwd=folder / name))
    beast = peer["fit_pdf2d"]["setup"] + n_stars * peer["fit_pdf2d"]["per_star"]
    return {
        "grid": name,
        "stars": n_stars,
        "CPU s": found["cpu"],
        "wall s": found["wall"],
        "peak MB": found["memory"].median,
        "BEAST CPU s": round(beast),
        "ratio of CPU": round(beast / found["cpu"].median),
    }


def run(args: argparse.Namespace, report: Report) -> None:
    """Time kernel and command."""
    numbers = [500] if args.quick else [500, 20_000]
    peers = {name: json.loads((args.peer / file).read_text()) for name, file in PEER_FILES.items()}
    with scratch() as folder:
        names = prepare(folder, args.inputs, numbers)
        report.table([row for name in names for row in kernel_rows(folder, name, peers[name], args.runs)])
        report.table(
            [command_row(folder, name, n, peers[name], args.runs) for name in names for n in numbers]
        )


if __name__ == "__main__":
    parser = options("fits of stars with model noise, beside BEAST", runs=3)
    parser.add_argument(
        "--inputs", type=Path, default=ROOT / "work", help="folder with 1e5/ and 1e6/ (make_inputs.py)"
    )
    parser.add_argument("--peer", type=Path, default=SHARED / "bench/survey", help="folder of beast_1e5.json")
    main("survey_fit", parser, run)
