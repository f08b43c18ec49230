"""Settings files (TOML) of the survey's steps: a path in; checked values out."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastsed.errors import InputError
from fastsed.text import decode, read_bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Values of a settings file; every accessor raises InputError that names the file and the key.

    Attributes
    ----------
    path : Path
    values : dict
    """

    path: Path
    values: Mapping[str, Any]

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def error(self, key: str, problem: str) -> InputError:
        """The error of a key."""
        return InputError(f"{key} = {self.values[key]!r}: {problem}", self.path)

    def check_keys(self, known: Collection[str]) -> None:
        """Warn of keys that are not known."""
        unknown = [key for key in self.values if key not in known]
        if unknown:
            log.warning("%s: unknown keys have no effect: %s", self.path, ", ".join(unknown))

    def text(self, key: str, default: str | None = None) -> str:
        """A text; without a default it must be there."""
        value = self._value(key, default)
        if not isinstance(value, str) or not value:
            raise self.error(key, "a text is needed")
        return value

    def texts(self, key: str, default: Sequence[str] | None = None) -> list[str]:
        """A list of texts; one text counts as a list."""
        value = self._value(key, default)
        items = [value] if isinstance(value, str) else value
        if (
            not isinstance(items, list | tuple)
            or not items
            or not all(isinstance(item, str) for item in items)
        ):
            raise self.error(key, "a list of texts is needed")
        return list(items)

    def number(self, key: str, default: float | None = None) -> float:
        """A number."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, "a number is needed")
        return float(value)

    def integer(self, key: str, default: int | None = None, smallest: int = 0) -> int:
        """A whole number, not below `smallest`."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(key, "a whole number is needed")
        if value < smallest:
            raise self.error(key, f"it must be at least {smallest}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """true or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self.error(key, "true or false is needed")
        return value

    def numbers(self, key: str, default: Sequence[float] | None = None) -> list[Any]:
        """A list, of numbers as a rule; one number counts as a list."""
        value = self._value(key, default)
        items = [value] if isinstance(value, int | float) and not isinstance(value, bool) else value
        if not isinstance(items, list | tuple) or not items:
            raise self.error(key, "a list of numbers is needed")
        return list(items)

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        """One of some words."""
        value = self._value(key, default)
        if value not in choices:
            raise self.error(key, f"choose one of {', '.join(choices)}")
        return str(value)

    def file(self, key: str) -> Path:
        """A path, relative to the folder of the settings."""
        return self.path.parent / self.text(key)

    def files(self, key: str) -> list[Path]:
        """Paths, relative to the folder of the settings."""
        return [self.path.parent / name for name in self.texts(key)]

    def _value(self, key: str, default: Any) -> Any:
        value = self.values.get(key, default)
        if value is None:
            raise InputError(f"the key {key} is missing", self.path)
        return value


def read_settings(path: str | Path) -> Settings:
    """Read a settings file.

    Raises
    ------
    InputError
        For a file that cannot be read or is no TOML.
    """
    try:
        return Settings(Path(path), tomllib.loads(decode(read_bytes(path))))
    except ValueError as error:  # also numbers of thousands of digits
        raise InputError(f"is no settings file (TOML): {error}", path) from None
    except RecursionError:
        raise InputError("is no settings file that can be read: nested too deeply", path) from None
