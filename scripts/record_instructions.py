#!/usr/bin/env python3
"""Record how many instructions the kernels need: the built kernels in, tests/data/instructions.json out.

Run it with the Python that fastsed is installed in, after a change that has a reason to cost more, or that saves much:

    .venv/bin/python scripts/record_instructions.py
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Count, show what changed, write."""
    sys.path.append(str(ROOT))
    from tests.kernel_problems import FIXED
    from tests.test_instructions import RECORD, count_instructions, this_platform

    with tempfile.TemporaryDirectory() as folder:
        counts = count_instructions(list(FIXED), Path(folder))
    if not all(counts.values()):
        sys.exit(f"no instructions were seen: the kernels must keep their symbols; {counts}")
    before = json.loads(RECORD.read_text())["instructions"] if RECORD.exists() else {}
    for kernel, count in counts.items():
        change = f"{count / before[kernel] - 1:+.1%}" if before.get(kernel) else "new"
        print(f"{kernel:20} {count:14,}  {change}")
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps({"platform": this_platform(), "instructions": counts}, indent=1) + "\n")
    print(f"wrote {RECORD}")


if __name__ == "__main__":
    main()
