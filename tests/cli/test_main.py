"""The command `fastsed`: run as a process where that matters, in-process elsewhere."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from importlib import import_module
from importlib.util import find_spec

import pytest

import fastsed
from fastsed.cli.command_tree import PARSERS
from fastsed.cli.main import next_steps, run
from fastsed.cli.messages import Progress, hold_logging, run_command, start_logging
from fastsed.errors import InputError
from tests.helpers import COARSE, PLAIN, copy_example


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with gst.param and gst.cat of five galaxies, which is also the working directory."""
    copy_example(tmp_path, 5)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def process(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-P", "-m", "fastsed", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
    )


@pytest.fixture(autouse=True)
def _same_package(monkeypatch):
    """Processes import the fastsed that the tests import, wherever they run."""
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(os.path.dirname(fastsed.__file__)))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class TestFit:
    def test_file_with_overrides_and_options_in_between(self, folder):
        done = process("gst.param", *PLAIN, "-q", "OUTPUT_FILE=try2", cwd=folder)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert names(folder) == ["gst.cat", "gst.param", "try2.fout"]
        rows = [line for line in (folder / "try2.fout").read_text().splitlines() if not line.startswith("#")]
        assert len(rows) == 5

    def test_hint_after_the_first_run_on_a_terminal(self, folder, capsys, monkeypatch):
        assert run(["gst.param", *PLAIN]) == 0
        assert "\nNext:" not in capsys.readouterr().out
        (folder / "gst.fout").unlink()
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        for shown in (True, False):
            assert run(["gst.param", *PLAIN]) == 0
            assert ("\nNext:\n  fastsed gst.param BEST_FIT=1" in capsys.readouterr().out) == shown
        (folder / "gst.fout").unlink()
        assert run(["gst.param", *PLAIN, "-q"]) == 0
        assert "\nNext:" not in capsys.readouterr().out

    def test_hint_names_what_works(self, folder, capsys):
        commands = re.findall(r"^  (fastsed\S*) (.*?)   ", next_steps("gst.param"), re.MULTILINE)
        assert len(commands) == 5
        for program, words in commands:
            if program != "fastsed" and find_spec("matplotlib") is None:
                continue
            main = getattr(import_module(PARSERS[program]), "run" if program == "fastsed" else "main")
            grid = PLAIN if "DUST" not in words and "--cite" not in words else []
            assert main([*words.split(" > ")[0].split(), *grid]) == 0

    def test_notes_on_standard_output(self, folder, capsys):
        assert run(["gst.param", *PLAIN]) == 0
        out, err = capsys.readouterr()
        assert all(line.startswith("note: ") for line in out.splitlines())
        assert "note: fitting 5 sources with 10 fluxes each" in out
        assert "note: wrote gst.fout" in out
        assert err == ""

    @pytest.mark.parametrize("silence", ["VERBOSE=0", "-q"])
    def test_silence(self, folder, capsys, silence):
        """Warnings are counted only, those of the parameter file included."""
        assert run(["gst.param", *PLAIN, "DUST_LAWS=mw", silence]) == 0
        hidden = "1 warning not shown: run without -q (VERBOSE = 1)\n"
        assert capsys.readouterr() == ("", hidden)
        assert (folder / "gst.fout").exists()

    def test_warnings_on_standard_error(self, folder, capsys):
        assert run(["gst.param", *PLAIN, "DUST_LAWS=mw"]) == 0
        out, err = capsys.readouterr()
        assert err == ("warning: command line: unknown key DUST_LAWS is ignored; did you mean DUST_LAW?\n")
        assert "DUST_LAWS" not in out

    def test_debug(self, folder, capsys):
        assert run(["gst.param", *COARSE, "DEBUG=1", "--check"]) == 0
        assert logging.getLogger("fastsed").level == logging.DEBUG
        assert run(["gst.param", *COARSE, "DEBUG=1", "VERBOSE=0", "--check"]) == 0
        assert logging.getLogger("fastsed").level == logging.WARNING  # counted, not shown

    @pytest.mark.parametrize("arguments", [["gst.param", *COARSE], ["--version"]])
    def test_closed_pipe(self, folder, arguments):
        """As in `fastsed fast.param | head -0`."""
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-P", "-m", "fastsed", *arguments],
            stdout=writer,
            stderr=subprocess.PIPE,
            cwd=folder,
            timeout=120,
            check=False,
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (1, b"")
        assert names(folder) == ["gst.cat", "gst.param"]

    @pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
    def test_closed_streams(self, folder, closed):
        """What is printed goes nowhere; no output file takes its place."""
        command = " ".join([sys.executable, "-P", "-m", "fastsed", "gst.param", *PLAIN, closed])
        done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        lines = (folder / "gst.fout").read_text().splitlines()
        assert sum(not line.startswith("#") for line in lines) == 5

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
    def test_full_output_does_not_stop_a_run(self, folder):
        command = [sys.executable, "-P", "-m", "fastsed", "gst.param", *PLAIN]
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                command, cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
            assert done.returncode == 0
            assert done.stderr.count("standard output cannot be written: No space left on device") == 1
            assert "Traceback" not in done.stderr
            assert (folder / "gst.fout").exists()
            done = subprocess.run(command, cwd=folder, stdout=full, stderr=full, check=False)
            assert done.returncode == 0

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
    def test_full_output_of_an_answer_is_an_error(self, folder):
        command = [sys.executable, "-P", "-m", "fastsed", "--version"]
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            assert (done.returncode, done.stderr) == (1, "fastsed: error: No space left on device\n")
            assert subprocess.run(command, stdout=full, stderr=full, check=False).returncode == 1

    @pytest.mark.parametrize(
        ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
    )
    def test_signals_end_a_run_and_leave_nothing(self, folder, number, status):
        """While a large grid is being written."""
        big = ["N_SIM=0", "Z_STEP=0.001", "A_V_STEP=0.02", "SAVE_CHI_GRID=1", "NO_CACHE=1", "N_THREAD=2"]
        command = [sys.executable, "-P", "-m", "fastsed", "gst.param", *big]
        running = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # the tests themselves may run under nohup
            preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
        )
        while not any(name.endswith(".tmp") for name in names(folder)) and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(number)
        _, err = running.communicate(timeout=60)
        assert running.returncode == status
        assert err.splitlines()[-1] == (
            "fastsed: interrupted" if number == signal.SIGINT else "fastsed: terminated"
        )
        assert names(folder) == ["gst.cat", "gst.param"]


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "no parameter file given"),
            (["N_SIM=0"], "no parameter file given"),
            (["gst.param", "other.param"], "expected KEY=value, found 'other.param'"),
            (["gst.param", "=3"], "expected KEY=value, found '=3'"),
            (["--example", "there", "N_SIM"], "expected KEY=value, found 'N_SIM'"),
            (["--help-param", "DUST_LAWS"], "did you mean DUST_LAW?"),
        ],
    )
    def test_one_message_and_status_2(self, folder, capsys, arguments, message):
        assert run(arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("fastsed: error: ")
        assert err.count("\n") == 1
        assert message in err
        assert names(folder) == ["gst.cat", "gst.param"]

    @pytest.mark.parametrize("arguments", [["--bogus"], ["gst.param", "--help-param"]])
    def test_unknown_options(self, capsys, arguments):
        with pytest.raises(SystemExit) as caught:
            run(arguments)
        assert caught.value.code == 2
        assert "fastsed: error:" in capsys.readouterr().err


class TestWrongInput:
    def cut_row(self, folder):
        path = folder / "gst.cat"
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines[:-1], lines[-1].rsplit(maxsplit=1)[0]]) + "\n")
        return len(lines)

    def test_one_message_nothing_written(self, folder):
        n = self.cut_row(folder)
        done = process("gst.param", *COARSE, cwd=folder)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith(f"fastsed: error: gst.cat:{n}: ")
        assert "Traceback" not in done.stdout + done.stderr
        assert names(folder) == ["gst.cat", "gst.param"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ["missing.param"],
                "missing.param: the parameter file cannot be read: No such file or directory",
            ),
            (["."], ".: the parameter file cannot be read: "),
            (["gst.param", "Z_STEP=tiny"], "command line: Z_STEP = tiny: expected a number"),
            (["gst.param", "DUST_LAW=calzeti"], "command line: DUST_LAW = calzeti: must be one of calzetti"),
            (["gst.param", "CATALOG=nothing"], "nothing.cat"),
            (["gst.param", "FILTERS_RES=."], "error: .: "),
            (["gst.param", "METAL=[0.03]"], "no stellar library for bc03_lr_kr, metallicity 0.03"),
            (["gst.param", "OUTPUT_COLUMNS=['id','masss']"], "'masss' is not a column of this run"),
            (["gst.param", "OUTPUT_DIR=gst.cat/out"], "cannot be written"),
        ],
    )
    def test_each_has_its_message(self, folder, capsys, arguments, message):
        assert run([*arguments[:1], *COARSE, *arguments[1:], "-q"]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("fastsed: error: ")
        assert err.count("\n") == 1
        assert message in err
        assert names(folder) == ["gst.cat", "gst.param"]

    def test_warnings_come_before_the_error(self, folder, capsys):
        assert run(["gst.param", "DUST_LAWS=mw", "A_V_MIN=9"]) == 1
        first, second = capsys.readouterr().err.splitlines()
        assert first.startswith("warning: command line: unknown key DUST_LAWS")
        assert second.startswith("fastsed: error: ")

    def test_an_interrupted_write_leaves_the_old_file(self, folder, capsys, monkeypatch):
        (folder / "gst.fout").write_text("old\n")

        def interrupted(*arguments, **more):
            raise KeyboardInterrupt

        monkeypatch.setattr("fastsed.outputs.fout.FoutWriter.append_rows", interrupted)
        assert run(["gst.param", *COARSE, "-q"]) == 130
        assert capsys.readouterr().err == "fastsed: interrupted\n"
        assert (folder / "gst.fout").read_text() == "old\n"
        assert names(folder) == ["gst.cat", "gst.fout", "gst.param"]


class TestCheck:
    def test_writes_nothing(self, folder, capsys):
        assert run(["gst.param", *PLAIN, "NO_CACHE=0", "OUTPUT_DIR=results", "--check", "-q"]) == 0
        out, err = capsys.readouterr()
        assert out.startswith("all inputs can be read\n")
        assert re.search(r"^memory: .* MB", out, re.MULTILINE)
        assert re.search(r"^time: about 1 s with 1 thread$", out, re.MULTILINE)
        assert err == ""
        assert names(folder) == ["gst.cat", "gst.param"]

    def test_wrong_input(self, folder, capsys):
        assert run(["gst.param", "TEMP_ERR_FILE=nothing", "--check", "-q"]) == 1
        assert "nothing" in capsys.readouterr().err


class TestExample:
    def test_fits_and_shows(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert run(["--example", "there", *COARSE]) == 0
        out = capsys.readouterr().out
        assert "500 of 500 galaxies fitted" in out
        assert f"The catalogue is {(tmp_path / 'there' / 'gst.fout').resolve()}" in out
        assert "Next, in the folder there:\n  fastsed gst.param BEST_FIT=1 " in out
        assert os.getcwd() == str(tmp_path)
        assert names(tmp_path / "there") == ["LICENSE.kcorrect", "gst.cat", "gst.fout", "gst.param"]

    def test_again_in_the_same_folder(self, tmp_path, capsys):
        target = str(tmp_path / "deep" / "there")
        assert run(["--example", target, *PLAIN, "-q"]) == 0
        assert run(["--example", target, *PLAIN, "-q"]) == 0
        assert capsys.readouterr() == ("", "")

    def test_default_folder(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert run(["--example", *COARSE, "--check", "-q"]) == 0
        assert "sources: 500" in capsys.readouterr().out
        assert names(tmp_path / "fastsed-example") == ["LICENSE.kcorrect", "gst.cat", "gst.param"]

    def test_other_files_there(self, tmp_path, capsys):
        (tmp_path / "thesis.tex").write_text("mine")
        assert run(["--example", str(tmp_path)]) == 1
        assert "holds other files" in capsys.readouterr().err
        assert names(tmp_path) == ["thesis.tex"]
        assert run(["--example", str(tmp_path / "thesis.tex")]) == 1
        assert "is a file" in capsys.readouterr().err

    def test_changed_example_is_kept(self, tmp_path, capsys):
        mine = tmp_path / "gst.param"
        mine.write_text("Z_MAX = 1\n")
        assert run(["--example", str(tmp_path)]) == 1
        assert "was changed; run `fastsed gst.param`" in capsys.readouterr().err
        assert mine.read_text() == "Z_MAX = 1\n"


class TestInformation:
    def test_version_imports_nothing_heavy(self, tmp_path):
        code = (
            "import sys; from fastsed.cli.main import run; run(['--version']);"
            "print(sorted({'numpy', 'scipy', 'astropy', 'h5py', 'tqdm'} & sys.modules.keys()))"
        )
        done = subprocess.run(
            [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "[]"

    def test_help_of_a_key(self, capsys):
        assert run(["--help-param", "a_v_step"]) == 0
        assert capsys.readouterr().out.startswith("A_V_STEP\n\nStep of A_V.")

    def test_help(self, capsys):
        with pytest.raises(SystemExit) as caught:
            run(["--help"])
        assert caught.value.code == 0
        assert "KEY=value" in capsys.readouterr().out


class TestMessages:
    def test_held_records_are_shown_from_the_level_on(self, capsys):
        log = logging.getLogger("fastsed.test")
        hold_logging()
        log.info("a note")
        log.warning("a warning")
        start_logging(logging.WARNING)
        log.info("another note")
        assert capsys.readouterr() == ("", "warning: a warning\n")

    @pytest.mark.parametrize(
        ("error", "message", "status"),
        [
            (InputError("bad", "a.cat", 3), "x: error: a.cat:3: bad\n", 1),
            (OSError(28, "No space left on device", "out"), "x: error: out: No space left on device\n", 1),
            (OSError("odd"), "x: error: odd\n", 1),
            (MemoryError("8 GB"), "x: error: not enough memory: 8 GB\n", 1),
            (KeyboardInterrupt(), "x: interrupted\n", 130),
            (
                ModuleNotFoundError("", name="fastsed._ext.runtime"),
                "x: error: the compiled kernels are not here; install fastsed (`pip install .`) and run it "
                "outside of its source folder\n",
                1,
            ),
        ],
    )
    def test_errors_become_one_message(self, capsys, error, message, status):
        def failing(argv):
            raise error

        assert run_command("x", failing) == status
        assert capsys.readouterr() == ("", message)

    @pytest.mark.parametrize("error", [ZeroDivisionError(), ModuleNotFoundError("", name="yaml")])
    def test_errors_of_ours_are_not_hidden(self, error):
        def failing(argv):
            raise error

        with pytest.raises(type(error)):
            run_command("x", failing)

    def test_names_that_the_terminal_cannot_show(self, folder):
        done = process("gst.param", "OUTPUT_FILE=\udcff", *PLAIN, cwd=folder, PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (0, "")
        assert "wrote \\udcff.fout" in done.stdout

    def test_progress_lines(self, capsys, monkeypatch):
        """A line now and then where there is no terminal."""
        now = [0.0]
        start_logging(logging.INFO)
        monkeypatch.setattr("fastsed.cli.messages.time.monotonic", lambda: now[0])
        with Progress(1000, shown=True) as progress:
            progress(100)
            now[0] = 11.0
            progress(100)
            progress(300)
            now[0] = 22.0
            progress(600)  # more than was announced
        assert capsys.readouterr().out.splitlines() == [
            "note: 20 % of the models done, 18.2 a second, 44 s left",
            "note: 100 % of the models done, 50 a second, 0 s left",
        ]

    def test_progress_bar(self, capsys, monkeypatch):
        """A bar on a terminal; notes go above it and it is gone at the end."""
        monkeypatch.setattr(sys, "stderr", sys.stdout)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        start_logging(logging.INFO)
        with Progress(1000, shown=True) as progress:
            progress(500)
            logging.getLogger("fastsed.test").info("half-way")
            progress(500)
        out = capsys.readouterr().out
        before, after = out.split("note: half-way\n")
        assert re.search(r"0.00/1.00k.* models/s\]\r +\r$", before)
        assert re.search(r" models/s\]\r +\r$", after)

    def test_no_progress(self, capsys, monkeypatch):
        monkeypatch.setattr("fastsed.cli.messages.QUIET_SECONDS", -1.0)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        with Progress(10, shown=False) as progress:
            progress(10)
        assert capsys.readouterr() == ("", "")


class TestParameterFile:
    def test_default(self, folder):
        (folder / "gst.param").rename(folder / "fast.param")
        assert run([*COARSE, "-q"]) == 0
        assert names(folder) == ["fast.param", "gst.cat", "gst.fout"]
        assert run(["--check", "-q"]) == 0

    def test_in_another_folder(self, folder, monkeypatch, capsys):
        monkeypatch.chdir(folder.parent)
        assert run([f"{folder.name}/gst.param", *COARSE, "-q"]) == 1
        error = capsys.readouterr().err
        assert "paths start at the working directory" in error
        assert f"'{folder.name}/gst.cat' exists" in error

    def test_home(self, folder, monkeypatch):
        monkeypatch.setenv("HOME", str(folder / "home"))
        assert run(["gst.param", *COARSE, "-q", "OUTPUT_DIR=~/$HOME_RESULTS", "NO_CACHE=1"]) == 1
        monkeypatch.setenv("HOME_RESULTS", "results")
        assert run(["gst.param", *COARSE, "-q", "OUTPUT_DIR=~/$HOME_RESULTS", "OUTPUT_FILE=deep/er/x"]) == 0
        assert (folder / "home" / "results" / "deep" / "er" / "x.fout").is_file()
        assert names(folder) == ["gst.cat", "gst.param", "home"]


@pytest.mark.skipif(sys.platform != "linux", reason="the encoding of names follows the locale on Linux only")
def test_ids_beyond_the_letters_of_the_locale(folder):
    text = re.sub(r"^(\s*)1 ", r"\1ß ", (folder / "gst.cat").read_text(), flags=re.MULTILINE)
    for catalogue, ascii_locale in (("gál", True), ("same", False)):
        (folder / f"{catalogue}.cat").write_text(text, encoding="utf-8")
        keys = [
            f"CATALOG={catalogue}",
            "BEST_FIT=1",
            "SAVE_BESTCHI=1",
            "OUTPUT_FILE=out",
            f"OUTPUT_DIR=in_{catalogue}",
        ]
        locale = {"PYTHONUTF8": "0", "LC_ALL": "C"} if ascii_locale else {}
        (folder / "keys.param").write_text(
            (folder / "gst.param").read_text() + "\n".join(keys), encoding="utf-8"
        )
        done = process("keys.param", *COARSE, "-q", cwd=folder, **locale)
        assert (done.returncode, done.stderr.count("error")) == (0, 0), done.stderr
        files = {path.name for path in (folder / f"in_{catalogue}").rglob("*") if path.is_file()}
        assert {f"{catalogue}_ß.fit", f"{catalogue}_ß.chi2.grid", "out.fout"} <= files
    one, other = (
        (folder / f"in_{name}" / "out.fout").read_text(encoding="utf-8") for name in ("gál", "same")
    )
    assert one.replace("gál", "same") == other
