"""Relative paths start at the working directory: said where an input lies beside the parameter file instead."""

from __future__ import annotations

import os
from pathlib import Path

from fastsed.config.options import option_fields
from fastsed.config.run import RunOptions
from fastsed.errors import InputError

_RESULTS = ("output_dir", "output_file")


def check_working_directory(params: RunOptions) -> None:
    """Check that no input is missing in the working directory that lies beside the parameter file.

    Raises
    ------
    InputError
        Where one does; it says what to write.
    """
    folder = Path(params.path).parent
    inputs = [
        row.name for row in option_fields(RunOptions) if row.metadata["is_path"] and row.name not in _RESULTS
    ]
    for name in inputs if params.path else ():
        value = getattr(params, name)
        path = {"catalog": params.catalog_path, "spectrum": f"{value}.spec"}.get(name, value)
        if value and not os.path.isabs(path) and not os.path.exists(path) and os.path.exists(folder / path):
            raise InputError(
                f"{name.upper()} = '{value}': paths start at the working directory, '{Path.cwd()}', which has no "
                f"'{path}', but '{folder / path}' exists; run fastsed in '{folder}', or write "
                f"{name.upper()} = '{folder / value}'",
                params.path,
            )
