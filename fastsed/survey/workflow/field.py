"""The names and settings of one field: a settings file in; paths and options of all steps out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastsed.errors import InputError
from fastsed.survey import physics_grid
from fastsed.survey.known_keys import known_keys
from fastsed.survey.settings import Settings, read_settings
from fastsed.survey.tables import stem


@dataclass(frozen=True)
class Field:
    """One field: its settings, and where its products go.

    Attributes
    ----------
    settings : Settings
        Read in the folder in which the workflow runs.
    """

    settings: Settings

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Field:
        """Read the settings of a field.

        Raises
        ------
        InputError
            For a file that is no settings file, or lacks the project's name.
        """
        settings = read_settings(Path(path))
        settings.check_keys(set(known_keys()))
        field = cls(settings)
        if any(mark in field.project for mark in "/\\ \t"):
            raise settings.error("project", "a name without blanks and slashes is needed")
        return field

    @property
    def project(self) -> str:
        """Name of the field: its folder, and how the names of its products begin."""
        return self.settings.text("project")

    @property
    def start(self) -> str:
        """What the names of all products begin with."""
        return f"{self.project}/{self.project}"

    @property
    def catalogue(self) -> str:
        """The catalogue of the field."""
        return self.settings.text("obsfile")

    @property
    def catalogue_of_map(self) -> str:
        """The catalogue with source densities, and with the background where that is measured."""
        name = f"{stem(self.catalogue)}_with_sourceden"
        return f"{name}_with_bg.fits" if "reference" in self.settings else f"{name}.fits"

    @property
    def map(self) -> str:
        """The map of source density."""
        return f"{stem(self.catalogue)}_sourceden_map.hd5"

    @property
    def asts(self) -> str | None:
        """Results of the artificial star tests; None for the observation model that needs none."""
        if self.noise_model == "splinter":
            return None
        default = f"{stem(self.catalogue)}_asts.fits"
        return self.settings.text("astfile", default)

    @property
    def cut_catalogue(self) -> str:
        """The catalogue without the sources that are not measured in all bands."""
        return f"{stem(self.catalogue)}_cut.fits"

    @property
    def cut_asts(self) -> str:
        """The artificial stars inside its area."""
        return f"{stem(self.asts or '')}_cut.fits"

    @property
    def grid(self) -> str:
        """The physics model: a grid that is made, or one that exists."""
        if self.makes_grid:
            return str(physics_grid.output_path(self.settings))
        return str(physics_grid.used_grid(self.settings))

    @property
    def makes_grid(self) -> bool:
        """Whether the settings say what the physics model is made from."""
        return physics_grid.is_described(self.settings)

    @property
    def noise_model(self) -> str:
        """Kind of the observation model."""
        return self.settings.choice("noise_model", ("toothpick", "trunchen", "splinter"), "toothpick")

    def noise(self, source_bin: str) -> str:
        """The observation model of a bin of source density, such as bin1."""
        return f"{self.start}_noisemodel_{source_bin}.grid.hd5"

    @property
    def grid_info(self) -> str:
        """Ranges of the parameters of the whole grid: all fits have the same bins, so that PDFs can be stacked."""
        return f"{self.start}_grid_info.json"

    @property
    def columns(self) -> list[str]:
        """The option that names the columns of the catalogue."""
        return (
            ["--obs_colnames", *self.settings.texts("obs_colnames")]
            if "obs_colnames" in self.settings
            else []
        )

    @property
    def vega(self) -> list[str]:
        """The option that names the fluxes of Vega."""
        return ["--vega", self.settings.text("vega")]

    def option(self, name: str, key: str) -> list[str]:
        """An option with one or more values, if the key is there."""
        if key not in self.settings:
            return []
        value = self.settings.values[key]
        values: Sequence[object] = value if isinstance(value, list) else [value]
        return [f"--{name}", *(str(one) for one in values)]

    def words(self, key: str) -> list[str]:
        """Further options, as on the command line."""
        return self.settings.texts(key) if key in self.settings else []

    def physics(self) -> dict[str, object]:
        """The settings that the physics model is made from."""
        keys = set(physics_grid.KEYS)
        return {name: value for name, value in self.settings.values.items() if name in keys}

    def missing_inputs(self) -> list[str]:
        """Files that the user has to bring and that are not there."""
        keys = ("obsfile", "vega", "reference", "filter_curves", "isochrones", "tracks")
        paths = [self.settings.text(key) for key in keys if key in self.settings]
        paths += self.settings.texts("atmospheres") if "atmospheres" in self.settings else []
        return [path for path in paths if not Path(path).exists()]

    def check_inputs(self) -> None:
        """Refuse to begin without the files that no step makes.

        Raises
        ------
        InputError
            Which lists them.
        """
        missing = self.missing_inputs()
        if not self.makes_grid and not Path(self.grid).exists():
            raise InputError(
                f"there is no physics model {self.grid}: `physics_grid` names one that exists, `isochrones` and "
                "`atmospheres` say what one is made from",
                self.settings.path,
            )
        if missing:
            raise InputError(
                f"not found: {', '.join(missing)} (paths start at the folder of the settings)",
                self.settings.path,
            )
