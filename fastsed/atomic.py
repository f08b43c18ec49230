"""Write a file under a temporary name, then rename it: a path in, a whole file or none out."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

from fastsed.errors import InputError

_TEMPORARY = re.compile(r"\.fastsed-(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}\.tmp")
# temporary files of this process, and folders that it has swept already
_in_use: set[Path] = set()
_swept: set[tuple[int, Path]] = set()
# what some file systems answer to fsync, which they do not have
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EROFS}


def temporary_path(path: str | os.PathLike[str]) -> Path:
    """A hidden name in the same folder that no other run, or thread of this one, uses.

    It tells machine and process, so that a later run can remove what a killed one left.
    """
    return Path(path).with_name(f".fastsed-{_machine()}-{os.getpid()}-{os.urandom(4).hex()}.tmp")


@contextmanager
def atomic_path(path: str | os.PathLike[str], sync: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` when the block succeeds.

    For writers that want a name. Missing parent folders are made. A symbolic link stays, and what it points at is
    replaced; devices and pipes are written to.

    Parameters
    ----------
    path : path-like
    sync : bool
        Whether the content is on the disk before the file gets its name, so that it survives a loss of power. False
        for thousands of small files, which `os.sync` brings to the disk together.

    Raises
    ------
    InputError
        If the folder cannot be made or the file cannot be written.
    """
    temporary = None
    try:
        target = final_path(path)
        special = _is_special(target)
        temporary = _outside(target) if special else temporary_path(target)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        _in_use.add(temporary)
        remove_orphans(temporary.parent)
        yield temporary
        if special:
            _copy_into(temporary, target)
        else:
            _keep_mode(temporary, target)
            if sync:
                rename_synced(temporary, target)
            else:
                os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", path) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
            _in_use.discard(temporary)


def rename_synced(path: Path, target: Path) -> None:
    """Rename a file that is complete, once its content is on the disk, so that it survives a loss of power.

    Parameters
    ----------
    path, target : Path
        On one file system.

    Raises
    ------
    OSError
    """
    _sync(path)
    os.replace(path, target)
    _sync(target.parent)


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w", sync: bool = True) -> Iterator[IO[Any]]:
    """Open `path` for writing, so that it appears whole or not at all.

    Parameters
    ----------
    path : path-like
    mode : {"w", "wb"}
    sync : bool
        As of `atomic_path`.

    Yields
    ------
    file object
    """
    with atomic_path(path, sync) as temporary:
        # surrogateescape: names of files may hold bytes that are not UTF-8, which come back as they were
        encoding, errors = (None, None) if "b" in mode else ("utf-8", "surrogateescape")
        newline = None if "b" in mode else "\n"
        with open(temporary, mode, encoding=encoding, errors=errors, newline=newline) as f:
            yield f


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Make a folder for `write_small`, with its parents, where there is none, and remove what killed runs left in it.

    Raises
    ------
    InputError
        If it cannot be made.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made: {error.strerror or error}", folder) from error
    remove_orphans(Path(folder))


def write_small(path: str, data: bytes) -> None:
    """Write one of very many small files into a folder that exists: whole or not at all, but not synced.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    folder, _, _ = path.rpartition(os.sep)
    name = f".fastsed-{_machine()}-{os.getpid()}-{threading.get_ident() & 0xFFFFFFFF:08x}.tmp"
    temporary = os.path.join(folder or os.curdir, name)
    try:
        with open(temporary, "wb", buffering=0) as f:
            # one call, unless the disk is full
            while data:
                data = data[f.write(data) :]
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise InputError(f"cannot be written: {error.strerror or error}", path) from error


def final_path(path: str | os.PathLike[str]) -> Path:
    """What is written to: where a symbolic link points, else the path itself."""
    return Path(os.path.realpath(path)) if os.path.islink(path) and not _is_special(path) else Path(path)


def remove_orphans(folder: Path) -> None:
    """Remove, once, the temporary files in a folder that killed runs of this machine left."""
    key = os.getpid(), folder
    if key in _swept:
        return
    _swept.add(key)
    with suppress(OSError), os.scandir(folder) as entries:
        for name in [entry.name for entry in entries]:
            result = _TEMPORARY.fullmatch(name)
            orphan = folder / name
            if result and result["machine"] == _machine() and not _is_used(int(result["pid"]), orphan):
                with suppress(OSError):
                    orphan.unlink()


def _is_used(pid: int, temporary: Path) -> bool:
    """Whether the process that made a temporary file may still write it."""
    if pid == os.getpid():
        return temporary in _in_use
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@cache
def _machine() -> str:
    """A name of what hands out process numbers: the machine, or the container."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.sha256(f"{os.uname().nodename} {space}".encode()).hexdigest()[:8]


def _is_special(path: str | os.PathLike[str]) -> bool:
    """Whether something is there that is neither a file nor a folder: a device, a pipe, standard output."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _outside(target: Path) -> Path:
    """A temporary path for what is copied into a device or a pipe, beside which no file can be."""
    import tempfile

    return temporary_path(Path(tempfile.gettempdir(), target.name))


def _copy_into(temporary: Path, target: Path) -> None:
    import shutil

    with open(temporary, "rb") as source, open(target, "wb") as sink:
        shutil.copyfileobj(source, sink)


def _keep_mode(temporary: Path, target: Path) -> None:
    """Permissions of the file that is replaced."""
    with suppress(OSError):
        os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))


def _sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)
