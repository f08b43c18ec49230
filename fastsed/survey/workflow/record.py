"""What made the products of a field: digests of inputs and settings, kept beside the products."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastsed.atomic import atomic_write
from fastsed.errors import InputError

log = logging.getLogger(__name__)

FORMAT = 1
_CHUNK = 1 << 20


@dataclass
class Record:
    """The file that tells, for each step done, what it was made from.

    Attributes
    ----------
    path : Path
    steps : dict
        Name of a step -> its digest, and what its products looked like.
    files : dict
        Path -> size, time of change and digest of a file that was read: it is read again only if it may differ.
    """

    path: Path
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, list[Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read the record; an empty one where there is none yet.

        Raises
        ------
        InputError
            If the file is no such record.
        """
        if not path.exists():
            return cls(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ValueError("of another version")
            return cls(path, dict(content["steps"]), dict(content["files"]))
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise InputError(
                f"is no record of a run ({error}); remove it, and all steps are done again", path
            ) from error

    def write(self) -> None:
        """Write the record, whole or not at all."""
        with atomic_write(self.path) as f:
            json.dump(
                {"format": FORMAT, "steps": self.steps, "files": self.files}, f, indent=1, sort_keys=True
            )

    def digest_of(self, path: Path) -> str:
        """Digest of the content of a file; '' where there is none."""
        try:
            state = path.stat()
        except OSError:
            return ""
        known = self.files.get(str(path))
        if known and known[:2] == [state.st_size, state.st_mtime_ns]:
            return str(known[2])
        digest = hashlib.sha256()
        with open(path, "rb") as f:
            while chunk := f.read(_CHUNK):
                digest.update(chunk)
        self.files[str(path)] = [state.st_size, state.st_mtime_ns, digest.hexdigest()]
        return digest.hexdigest()

    def key(
        self, commands: Sequence[Sequence[str]], settings: Mapping[str, Any], inputs: Iterable[Path]
    ) -> str:
        """Digest of everything that a step is made from."""
        files = {str(path): self.digest_of(path) for path in inputs}
        text = json.dumps([list(map(list, commands)), dict(settings), files], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def is_done(self, name: str, key: str) -> bool:
        """Whether a step was done from the same, and its products are still as they were."""
        step = self.steps.get(name)
        if step is None or step["key"] != key:
            return False
        return all(_state(Path(path)) == state for path, state in step["products"].items())

    def note(self, name: str, key: str, products: Iterable[Path]) -> None:
        """Note that a step is done."""
        self.steps[name] = {"key": key, "products": {str(path): _state(path) for path in products}}
        self.write()


def _state(path: Path) -> list[int] | None:
    """Size and time of change of a product; None where there is none."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns]
