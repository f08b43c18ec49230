"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from fastsed import atomic
from fastsed.atomic import atomic_path, atomic_write, remove_orphans, temporary_path, write_small
from fastsed.errors import InputError


def write(path, text="new"):
    with atomic_write(path) as f:
        f.write(text)


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def test_a_file_appears_with_its_folders(tmp_path):
    write(tmp_path / "a" / "b" / "c.txt")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "new"
    assert names(tmp_path / "a" / "b") == ["c.txt"]


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as f:
        f.write("half" * (1 // 0))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["c.txt"]


def test_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append("sync"), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda *paths: (steps.append("rename"), replace(*paths))[1])
    write(tmp_path / "c.txt")
    assert steps == ["sync", "rename", "sync"]
    steps.clear()
    with atomic_write(tmp_path / "d.txt", sync=False) as f:
        f.write("small")
    assert steps == ["rename"]


def test_an_error_of_fsync_leaves_no_file(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match=r"c\.txt: cannot be written: No space left"):
        write(tmp_path / "c.txt")
    assert names(tmp_path) == []


def test_symbolic_links_are_followed(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "c.txt").write_text("old")
    for target in ("far/c.txt", "far/new.txt"):
        link = tmp_path / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        write(link)
        assert link.is_symlink()
        assert (tmp_path / target).read_text() == "new"
    assert names(tmp_path / "far") == ["c.txt", "new.txt"]


def test_permissions_are_kept(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("old")
    path.chmod(0o640)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_devices_are_written_to():
    write("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_pipe_is_written_to(tmp_path):
    code = "from fastsed.atomic import atomic_write\nwith atomic_write('/dev/stdout') as f: f.write('to the pipe')"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "to the pipe"


def test_long_names_are_as_long_as_the_system_allows(tmp_path):
    write(tmp_path / ("x" * 255))
    with pytest.raises(InputError, match="File name too long"):
        write(tmp_path / ("x" * 256))


def orphan(folder, pid, machine=None):
    path = temporary_path(folder / "x")
    machine = machine or path.name.split("-")[1]
    path = folder / f".fastsed-{machine}-{pid}-0123abcd.tmp"
    path.write_text("rest")
    return path


def dead_process():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_orphans_of_killed_runs_are_removed_at_the_next_one(tmp_path):
    gone = [orphan(tmp_path, dead_process()), orphan(tmp_path, os.getpid())]
    stays = [
        orphan(tmp_path, os.getppid()),
        orphan(tmp_path, dead_process(), "00000000"),
        tmp_path / ".other.tmp",
    ]
    stays[2].write_text("of another program")
    write(tmp_path / "c.txt")
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in stays)


def test_files_being_written_are_no_orphans(tmp_path):
    with atomic_path(tmp_path / "a") as first:
        first.write_text("1")
        atomic._swept.clear()
        with atomic_path(tmp_path / "b") as second:
            second.write_text("2")
        remove_orphans(tmp_path)
        assert first.exists()
    assert names(tmp_path) == ["a", "b"]


def test_small_files(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("before")
    write_small(str(path), b"after")
    assert path.read_bytes() == b"after"
    monkeypatch.chdir(tmp_path)
    write_small("b", b"")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]
    with pytest.raises(InputError, match="cannot be written"):
        write_small(str(tmp_path / "none" / "c"), b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_small(str(tmp_path / "folder"), b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "folder"]
