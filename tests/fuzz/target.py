"""One kind of file to damage, and what is called with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Target:
    """One kind of file.

    Attributes
    ----------
    name : str
    file : str
        Name under which the damaged file lies in the folder.
    seeds : callable
        Good files, made in a folder that is then as the reader needs it.
    damage : callable
    read : callable
        Called with the path of the damaged file. It may raise a FastsedError, and nothing else.
    weight : int
        How often it gets its turn: less for those that take long.
    """

    name: str
    file: str
    seeds: Callable[[Path], list[bytes]]
    damage: Callable[[random.Random, bytes], bytes]
    read: Callable[[Path], Any]
    weight: int = 8
