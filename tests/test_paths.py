"""What may be written for a path, and how it reaches the system."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fastsed.errors import InputError
from fastsed.paths import expanded, for_system, user_data_dir


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATA", "some/where")
    monkeypatch.delenv("NOT_SET", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("plain/gal", "plain/gal"),
        ("~", "{home}"),
        ("~/gal", "{home}/gal"),
        ("$DATA/gal", "some/where/gal"),
        ("${DATA}s/gal", "some/wheres/gal"),
        ("$HOME/$DATA", "{home}/some/where"),
        ("a~b/c~", "a~b/c~"),
        ("costs 5$", "costs 5$"),
    ],
)
def test_expanded(tmp_path, written, meant):
    assert expanded(written) == meant.format(home=tmp_path / "home")


def test_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"no environment variable NOT_SET to replace in '\$NOT_SET/gal'"):
        expanded("$NOT_SET/gal")
    with pytest.raises(InputError, match="no environment variable NOT_SET"):
        expanded("${NOT_SET}/gal")
    with pytest.raises(InputError, match="no home folder to replace in '~nobody-of-this-name/gal'"):
        expanded("~nobody-of-this-name/gal")
    (tmp_path / "$NOT_SET").mkdir()
    assert expanded("$NOT_SET") == "$NOT_SET"


def test_user_data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTSED_DATA_DIR", "~/libraries")
    assert user_data_dir() == tmp_path / "home" / "libraries"


def test_names_the_system_knows_are_left_alone():
    assert for_system("gal") == "gal"
    assert for_system(os.fsdecode(b"g\xff")) == os.fsdecode(b"g\xff")


@pytest.mark.skipif(sys.platform != "linux", reason="the encoding of names follows the locale on Linux only")
def test_names_beyond_the_letters_of_the_locale(tmp_path):
    program = "from fastsed.paths import for_system; open(for_system('gal\\u00e9\\u4e09'), 'w').close()"
    environment = os.environ | {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program], check=True, env=environment, cwd=tmp_path, timeout=60
    )
    assert os.listdir(os.fsencode(tmp_path)) == ["galé三".encode()]
