"""Hand damaged files to every reader: only success or a clear error may come of them.

usage: python scripts/fuzz.py [--inputs 20000] [--seed 1] [--processes N] [--keep FOLDER] [READER ...]

The readers are those of tests/fuzz/targets.py; the same seed makes the same files. Each is read within limits of time
and memory; a warning, a crash, another exception and an accepted value that cannot be used are findings.
Exit status 1 if there are any.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path

# at the end: fastsed itself is the installed one where there is one
sys.path.append(str(Path(__file__).resolve().parent.parent))

from tests.fuzz.runner import Finding, fuzz
from tests.fuzz.targets import find_targets


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--inputs", type=int, default=20_000, help="number of damaged files in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, help="folder to write the files to that were found")
    parser.add_argument("readers", nargs="*", metavar="READER")
    options = parser.parse_args()
    try:
        targets = find_targets(options.readers)
    except ValueError as error:
        parser.error(str(error))
    start = time.monotonic()
    findings = fuzz(options.readers, options.inputs, options.seed, options.processes, options.keep)
    report(findings)
    seconds = time.monotonic() - start
    print(
        f"{options.inputs} damaged inputs of {len(targets)} kinds, seed {options.seed}: {len(findings)} findings, "
        f"{seconds:.0f} s"
    )
    return bool(findings)


def report(findings: list[Finding]) -> None:
    """Findings of one kind together, with the first of them."""
    for (target, what), count in Counter((one.target, one.what) for one in findings).most_common():
        first = next(one for one in findings if (one.target, one.what) == (target, what))
        print(f"{target}: {what}: {count} times, first with input {first.number}")
        if first.details:
            print("    " + first.details.strip().replace("\n", "\n    "))


if __name__ == "__main__":
    sys.exit(main())
