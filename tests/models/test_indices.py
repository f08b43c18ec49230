"""Continuum indices: the file, exact window means, and equivalent widths known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.models.indices import Index, combine, read_indices, window_weights

LINE, BLUE, RED = (4847.875, 4876.625), (4827.875, 4847.875), (4876.625, 4891.625)


def value(index, lam, sed):
    return combine(index, sed @ window_weights(lam, list(index.windows)))


def test_file(tmp_path):
    path = tmp_path / "indices"
    path.write_text(
        "# lines\n\nhdelta = abs, 4082, 4122, 4030, 4082, 4122, 4170  # two windows\n"
        "Ha=abs,6540,6590,6600,6650\n  dn4000 = ratio, 3850, 3950, 4000, 4100\n"
    )
    assert read_indices(path) == [
        Index("hdelta", "abs", ((4082, 4122), (4030, 4082), (4122, 4170))),
        Index("Ha", "abs", ((6540, 6590), (6600, 6650))),
        Index("dn4000", "ratio", ((3850, 3950), (4000, 4100))),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hdelta abs, 1, 2, 3, 4", "is not an index"),
        ("h delta = abs, 1, 2, 3, 4", "no blanks in the name"),
        ("hdelta = line, 1, 2, 3, 4", "unknown type 'line': choose abs or ratio"),
        ("hdelta = abs, 1, 2, 3", "has 3 wavelengths: expected 'abs, line_low"),
        ("d4000 = ratio, 1, 2, 3, 4, 5, 6", "has 6 wavelengths: expected 'ratio, low1"),
        ("hdelta = abs, 1, two, 3, 4", "'two' where a wavelength"),
        ("hdelta = abs, 1, nan, 3, 4", "'nan' where a wavelength"),
        ("hdelta = abs, 4, 2, 3, 4", "window 4 to 2 A"),
        ("hdelta = abs, 1, 2, 3, 6, 4, 5", "same centre"),
        ("ok = ratio, 1, 2, 3, 4", "'ok' is defined twice"),
    ],
)
def test_bad_line(tmp_path, line, message):
    path = tmp_path / "bad"
    path.write_text(f"ok = ratio, 1, 2, 3, 4\n{line}\n")
    with pytest.raises(InputError) as error:
        read_indices(path)
    assert str(error.value).startswith(f"{path}:2: ")
    assert message in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none: cannot be read: No such file"):
        read_indices(tmp_path / "none")


def test_window_means_are_exact():
    rng = np.random.default_rng(3)
    lam = np.sort(rng.uniform(4000, 5000, 40))
    lam[0], lam[-1] = 4000, 5000
    sed = rng.random((2, 40))
    windows = [(4000.0, 5000.0), (4101.3, 4102.7), (4300.0, 4555.5), (float(lam[7]), float(lam[9]))]
    means = sed @ window_weights(lam, windows)
    for row in range(2):
        for column, (low, up) in enumerate(windows):
            inner = lam[(lam > low) & (lam < up)]
            nodes = np.concatenate([[low], inner, [up]])
            expected = np.trapezoid(np.interp(nodes, lam, sed[row]), nodes) / (up - low)
            assert means[row, column] == pytest.approx(expected, rel=1e-12)


def test_window_outside_the_spectrum():
    with pytest.raises(InputError, match="3900 to 4100 A is not within the library's 4000 to 5000 A"):
        window_weights(np.linspace(4000, 5000, 5), [(4200.0, 4300.0), (3900.0, 4100.0)])


@pytest.mark.parametrize("windows", [(LINE, BLUE), (LINE, BLUE, RED)])
def test_equivalent_width_of_a_gaussian_line(windows):
    lam = np.arange(4800.0, 4920.0, 0.05)
    depth = 0.6 * np.exp(-0.5 * ((lam - 4862.25) / 2.0) ** 2)
    width = 0.6 * 2.0 * np.sqrt(2 * np.pi)
    index = Index("hbeta", "abs", windows)
    assert value(index, lam, 3.0 * (1 - depth)) == pytest.approx(width, rel=1e-4)
    assert value(index, lam, 3.0 * (1 + depth)) == pytest.approx(-width, rel=1e-4)


def test_sloped_continuum_is_taken_out():
    lam = np.arange(4800.0, 4920.0, 0.05)
    continuum = 1.0 + 0.004 * (lam - 4862.25)
    line = 0.5 * np.exp(-0.5 * ((lam - 4862.25) / 2.0) ** 2)
    two = Index("hbeta", "abs", (LINE, BLUE, RED))
    assert value(two, lam, continuum) == pytest.approx(0.0, abs=1e-10)
    # normalised by the continuum at the centre of the line, which is 1 here
    assert value(two, lam, continuum - line) == pytest.approx(0.5 * 2.0 * np.sqrt(2 * np.pi), rel=1e-4)


def test_ratio_and_leading_axes():
    lam = np.linspace(3800.0, 4200.0, 401)
    step = np.where(lam < 3975, 2.0, 3.0)
    index = Index("dn4000", "ratio", ((3850.0, 3950.0), (4000.0, 4100.0)))
    assert value(index, lam, step) == pytest.approx(1.5)
    assert value(index, lam, np.ones((2, 3, 1)) * step).shape == (2, 3)


def test_no_continuum_gives_nan_or_inf_quietly():
    assert np.isnan(combine(Index("r", "ratio", ((1, 2), (3, 4))), np.zeros(2)))
    assert not np.isfinite(combine(Index("a", "abs", ((1, 2), (3, 4))), np.array([1.0, 0.0])))


@pytest.mark.parametrize(("name", "count"), [("balogh99", 3), ("worthey94", 25)])
def test_shared_lists(shared, name, count):
    indices = read_indices(shared / "data" / f"CONT_INDICES.{name}")
    assert len(indices) == count


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_files_of_other_programs(tmp_path, caplog, ending):
    text = f"\ufeff# indices{ending}d4000 = Ratio, 3.75D3, 3950, 4050, 4250  # Bruzual{ending}"
    (tmp_path / "indices").write_text(text, encoding="utf-8", newline="")
    (index,) = read_indices(tmp_path / "indices")
    assert (index.kind, index.windows) == ("ratio", ((3750, 3950), (4050, 4250)))
    assert not caplog.records
    (tmp_path / "indices").write_text("d4000 = ratio, .375, .395, .405, .425\n")
    read_indices(tmp_path / "indices")
    assert "wavelengths must be in Angstrom, but their median is 0.4; are they in micron?" in caplog.text
