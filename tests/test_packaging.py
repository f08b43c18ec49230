"""Metadata, workflows, recipe and checks of packages: what cannot run here is read, and agrees with itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from fastsed import __version__

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def script(path):
    spec = spec_from_file_location(Path(path).stem, ROOT / path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_yaml(path):
    yaml = pytest.importorskip("yaml", reason="needs pyyaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


# --- metadata ---------------------------------------------------------------------------------------------


def test_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == __version__
    assert read_yaml(ROOT / "distribution" / "conda" / "recipe.yaml")["context"]["version"] == __version__


def test_classifiers():
    found = PROJECT["project"]["classifiers"]
    assert found == sorted(found)
    versions = [line.rpartition(" ")[2] for line in found if re.search(r"Python :: 3\.\d+$", line)]
    assert versions == PYTHONS
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"
    if find_spec("trove_classifiers"):
        from trove_classifiers import classifiers

        assert set(found) <= classifiers


def test_description_of_the_package():
    module = script("distribution/readme.py")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    plain = module.package_readme(readme)
    assert not re.findall(r"\]\((?!https:)", plain)
    assert "<!--" not in plain
    assert "[FAST](https://ui.adsabs" in plain
    linked = module.package_readme(readme, "https://example.org/me/fastsed/")
    assert "(https://example.org/me/fastsed/blob/HEAD/docs/quickstart.md)" in linked
    assert "![" in linked
    assert "(https://example.org/me/fastsed/raw/HEAD/docs/images/example.png)" in linked
    assert not re.findall(r"\]\((?!https:)", linked)


# --- workflows --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow(path):
    found = read_yaml(path)
    # YAML 1.1 reads the key `on` as true
    assert {"name", True, "permissions", "jobs"} <= found.keys()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for job in found["jobs"].values():
        assert "runs-on" in job
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            command = step.get("run", "")
            for target in re.findall(r"^make (\w+)", command, re.MULTILINE):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
            for name in re.findall(r"scripts/\w+\.py", command):
                assert (ROOT / name).exists(), name


def test_workflow_of_the_tests():
    matrix = read_yaml(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    others = {(one["os"].split("-")[0], one["dependencies"]) for one in matrix["include"]}
    assert {("ubuntu", "oldest"), ("macos", "newest"), ("windows", "newest")} <= others


@pytest.mark.skipif(shutil.which("check-jsonschema") is None, reason="no check-jsonschema here")
def test_schema_of_the_workflows():
    command = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_wheels_are_built_for_each_python():
    settings = PROJECT["tool"]["cibuildwheel"]
    assert settings["build"] == [f"cp{version.replace('.', '')}-*" for version in PYTHONS]
    assert settings["linux"]["archs"] == ["x86_64", "aarch64"]
    assert {"macos", "windows"} <= settings.keys()
    assert set(settings["test-extras"]) <= PROJECT["project"]["optional-dependencies"].keys()


def test_pre_commit():
    (repository,) = read_yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"] for hook in repository["hooks"]]
    assert entries == ["ruff check --fix", "ruff format", "mypy", "python scripts/build_docs.py"]


def test_oldest_dependencies():
    constraints = script("scripts/oldest_dependencies.py").oldest(["plot"])
    assert len(constraints) == len(PROJECT["project"]["dependencies"]) + 1
    assert "numpy==2.0.*" in constraints
    assert "matplotlib==3.9.*" in constraints


# --- recipe -----------------------------------------------------------------------------------------------


def test_recipe_has_the_dependencies():
    recipe = read_yaml(ROOT / "distribution" / "conda" / "recipe.yaml")
    run = [
        text.replace(" ", "").replace("astropy-base", "astropy") for text in recipe["requirements"]["run"][1:]
    ]
    assert run == PROJECT["project"]["dependencies"]
    host = {text.replace(" ", "") for text in recipe["requirements"]["host"] if isinstance(text, str)}
    assert set(PROJECT["build-system"]["requires"]) <= host


# --- checks of wheels and sdists --------------------------------------------------------------------------


def make_wheel(path, leave_out=(), add=(), description="Good."):
    module = script("scripts/check_distributions.py")
    names = module.expected_in_wheel() | {f"fastsed-1.data/data/{one}" for one in data_files()}
    names |= {f"fastsed/_ext/{one.stem}.cpython-311-x.so" for one in (ROOT / "fastsed/_ext").glob("*.pyx")}
    names |= {"fastsed-1.dist-info/licenses/LICENSE", *add}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("fastsed-1.dist-info/METADATA", f"Name: fastsed\n\n{description}\n")
        for name in names - set(leave_out):
            archive.writestr(name, "")
    return module.check(path)


def data_files():
    folder = ROOT / "distribution"
    return {path.relative_to(folder).as_posix() for path in folder.glob("share/**/*") if path.is_file()}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({}, None),
        ({"leave_out": ["fastsed/cli/main.py"]}, "no fastsed/cli/main.py"),
        ({"leave_out": ["fastsed/share/references.bib"]}, "no fastsed/share/references.bib"),
        ({"leave_out": ["fastsed/_ext/sfh.cpython-311-x.so"]}, "no kernel fastsed/_ext/sfh"),
        ({"leave_out": ["fastsed-1.data/data/share/man/man1/fastsed.1"]}, "no share/man/man1/fastsed.1"),
        ({"leave_out": ["fastsed-1.dist-info/licenses/LICENSE"]}, "no LICENSE"),
        ({"add": ["tests/test_api.py"]}, "should not hold tests/test_api.py"),
        ({"add": ["fastsed/_ext/sfh.c"]}, "should not hold fastsed/_ext/sfh.c"),
        ({"description": "[a](docs/x.md)"}, "its description has relative links"),
    ],
)
def test_wheel_is_checked(tmp_path, changes, complaint):
    assert make_wheel(tmp_path / "fastsed-1-x.whl", **changes) == ([complaint] if complaint else [])


def test_sdist_is_checked(tmp_path):
    module = script("scripts/check_distributions.py")
    expected = module.expected_in_sdist()
    assert {"setup.py", "fastsed/_ext/sfh.pyx", "share/README.md", "distribution/readme.py"} <= expected
    path = tmp_path / "fastsed-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in expected - {"setup.py"} | {"fastsed/_ext/sfh.so"}:
            archive.addfile(tarfile.TarInfo(f"fastsed-1/{name}"))
    assert module.check(path) == ["no setup.py", "should not hold fastsed/_ext/sfh.so"]


def test_check_without_files_is_wrong_usage():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "check_distributions.py")], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "usage:" in done.stderr
