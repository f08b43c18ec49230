"""Completion: the scripts are run in the shells that are here."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from fastsed.cli.completion import completion, completion_files
from fastsed.cli.main import run

CASES = [
    ("fastsed --ch", {"--check"}, set()),
    ("fastsed --completion ", {"bash", "zsh", "fish"}, {"CATALOG="}),
    ("fastsed x.param A_V_BC_MI", {"A_V_BC_MIN="}, {"A_V_MIN="}),
    ("fastsed-survey grid", {"grid", "grid-info"}, {"fit"}),
    ("fastsed-survey noise ", {"splinter", "toothpick", "trunchen"}, {"fit"}),
    ("fastsed-survey noise toothpick --nflux", {"--nfluxbins"}, {"--npix"}),
    ("fastsed-library conv", {"convert"}, {"list"}),
    ("fastsed-grid2fits --format ", {"fits", "hdf5", "parquet"}, {"--output"}),
    ("fastsed-sfh2sed om", {"omega_m=", "omega_l="}, {"sfh="}),
]


def needs(shell):
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"no {shell} here")


def bash(script, words):
    quoted = " ".join(f"'{word}'" for word in words)
    function = "_" + words[0].replace("-", "_")
    show = 'printf "%s\\n" "${COMPREPLY[@]}"'
    code = f"{script}\nCOMP_WORDS=({quoted})\nCOMP_CWORD={len(words) - 1}\n{function}\n{show}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


@needs("bash")
@pytest.mark.parametrize(("line", "proposed", "others"), CASES)
def test_bash(line, proposed, others):
    found = bash(completion("bash"), line.split(" "))
    assert proposed <= found
    assert not others & found


@needs("bash")
@pytest.mark.parametrize(
    ("words", "proposed"),
    [
        (["fastsed", "x.param", "DUST_LAW", "="], {"calzetti", "mw", "ccm89", "noll", "noll09", "kc"}),
        (["fastsed", "x.param", "dust_law", "=", "no"], {"noll", "noll09"}),
        (["fastsed", "a_v_st"], {"a_v_step="}),
    ],
)
def test_bash_values_of_keys(words, proposed):
    """At the words into which readline splits a line."""
    assert bash(completion("bash"), words) == proposed


@needs("fish")
@pytest.mark.parametrize(("line", "proposed", "others"), CASES)
def test_fish(line, proposed, others, tmp_path):
    (tmp_path / "all.fish").write_text(completion("fish"))
    code = f"source {tmp_path}/all.fish; complete -C '{line}'"
    done = subprocess.run(
        ["fish", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"HOME": str(tmp_path)},
    )
    found = {text.split("\t")[0] for text in done.stdout.splitlines()}
    assert proposed <= found
    assert not others & found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_syntax(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    for number, text in enumerate([completion(shell), *completion_files().values()]):
        file = tmp_path / str(number)
        file.write_text(text)
        if number == 0:
            subprocess.run([shell, "-n", str(file)], check=True, capture_output=True)


def test_zsh_names_all_commands():
    text = completion("zsh")
    assert text.startswith("#compdef fastsed fastsed-library ")
    # a colon would end the description
    assert "'--format[default\\: what the suffix of OUT says; fits without one]:fits|hdf5|parquet:(" in text
    # each function that is called is there
    for step in ("noise_toothpick", "fit"):
        assert text.count(f"_fastsed_survey_{step}() {{") == 1


def test_command(capsys):
    assert run(["--completion", "fish"]) == 0
    assert capsys.readouterr().out == completion("fish")
