"""A small real run for tests: the shipped example with a coarse grid."""

from __future__ import annotations

import shutil
from pathlib import Path

from fastsed.paths import share_dir

COARSE = ("N_SIM=0", "Z_STEP=0.05", "A_V_STEP=1", "LOG_TAU_STEP=2", "LOG_AGE_STEP=0.5", "N_THREAD=1")
"""A grid of few models, too coarse for the redshifts: there are warnings."""
PLAIN = ("N_SIM=0", "A_V_STEP=0.5", "LOG_TAU_STEP=1", "LOG_AGE_STEP=0.3", "N_THREAD=1")
"""A grid fine enough for the redshifts of the example, so that nothing is warned of."""


def copy_example(folder: Path, n_galaxies: int | None = None) -> Path:
    """Copy the shipped example, or its first galaxies, to `folder`; the path of the parameter file comes back."""
    source = share_dir() / "examples" / "gst"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "gst.param", folder / "gst.param")
    lines = (source / "gst.cat").read_text().splitlines(keepends=True)
    header = [line for line in lines if line.startswith("#")]
    rows = [line for line in lines if not line.startswith("#")]
    (folder / "gst.cat").write_text("".join(header + rows[:n_galaxies]))
    return folder / "gst.param"
