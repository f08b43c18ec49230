"""The keys of a settings file, of all steps: one file may serve them all."""

from __future__ import annotations

from fastsed.survey import ast_inputs, physics_grid, simulated_files
from fastsed.survey.workflow import keys


def known_keys() -> dict[str, str]:
    """Key: meaning."""
    return physics_grid.KEYS | ast_inputs.KEYS | simulated_files.KEYS | keys.KEYS
