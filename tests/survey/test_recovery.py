"""Recovered against true parameters, and the figures of a field."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from fastsed.errors import InputError
from fastsed.survey.field_figures import plot_colour_magnitude, plot_recovered, plot_sky
from fastsed.survey.recovery import compare_with_truth, table_of

N = 2000
RANDOM = np.random.default_rng(6)


@pytest.fixture
def files(tmp_path):
    ra, dec = 80.0 + RANDOM.random(N) * 0.02, -69.0 + RANDOM.random(N) * 0.01
    truth = RANDOM.normal(1.0, 0.3, N)
    middle = truth + RANDOM.normal(0.05, 0.1, N)
    Table({"RA": ra, "DEC": dec, "Av": truth}).write(tmp_path / "truth.fits")
    order = RANDOM.permutation(N)
    stats = Table({"RA": ra[order], "DEC": dec[order], "Av_p50": middle[order]})
    stats["Av_p16"], stats["Av_p84"] = middle[order] - 0.1, middle[order] + 0.1
    stats.write(tmp_path / "stats.fits")
    return tmp_path


def test_stars_are_matched_by_position(files):
    (one,) = compare_with_truth(files / "stats.fits", files / "truth.fits", ("Av",))
    assert one.offset() == pytest.approx(0.05, abs=0.01)
    assert one.scatter() == pytest.approx(0.1, rel=0.1)
    assert one.inside() == pytest.approx(0.62, abs=0.04)  # of a normal distribution shifted by half a sigma
    assert table_of([one])[1].split()[0] == "Av"


def test_stars_of_another_field(files):
    table = Table.read(files / "stats.fits")
    table["DEC"][0] += 0.01
    table.write(files / "other.fits")
    with pytest.raises(InputError, match="1 of its stars are not in the simulated field"):
        compare_with_truth(files / "other.fits", files / "truth.fits", ("Av",))
    with pytest.raises(InputError, match="has no column LOGA_P16"):
        compare_with_truth(files / "stats.fits", files / "truth.fits", ("logA",))


def test_figures(files, tmp_path):
    pytest.importorskip("matplotlib")
    recovered = compare_with_truth(files / "stats.fits", files / "truth.fits", ("Av",))
    colour, magnitude, a_v = RANDOM.normal(size=(3, N))
    colour[3] = np.nan
    plot_recovered(recovered, tmp_path / "r.png")
    plot_colour_magnitude(colour, magnitude, a_v, ("g - r", "g"), tmp_path / "c.pdf")
    plot_sky(80 + RANDOM.random(N), RANDOM.random(N), a_v, "A", tmp_path / "s.png")
    assert (tmp_path / "r.png").read_bytes()[1:4] == b"PNG"
    assert (tmp_path / "c.pdf").read_bytes()[:4] == b"%PDF"
