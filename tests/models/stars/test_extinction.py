"""Extinction laws against the package dust_extinction and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units

from fastsed.errors import InputError
from fastsed.models.stars.extinction import extinction_law

LAM = np.geomspace(1001.0, 33000.0, 300)


def test_built_in_laws_agree_with_the_package():
    models = pytest.importorskip("dust_extinction.parameter_averages")
    averages = pytest.importorskip("dust_extinction.averages")
    # the package has the constants of the paper, we those of its corrected table: a per cent in the optical
    np.testing.assert_allclose(
        extinction_law("F99").relative(LAM, 3.1),
        models.F99(Rv=3.1)(1e4 / LAM / units.micron),
        rtol=0.02,
        atol=0.01,
    )
    ours, theirs = extinction_law("G03_SMCBar").relative(LAM), averages.G03_SMCBar()(1e4 / LAM / units.micron)
    np.testing.assert_allclose(ours, theirs, rtol=0.02, atol=0.01)


def test_mixture_of_both_components():
    mixture = extinction_law("G16")
    f_a, rv = 0.4, 2.9
    rv_a = mixture.rv_a(rv, f_a)
    assert f_a / rv_a + (1 - f_a) / 2.74 == pytest.approx(1 / rv, rel=1e-14)
    expected = f_a * extinction_law("F99").relative(LAM, rv_a) + (1 - f_a) * extinction_law(
        "G03_SMCBar"
    ).relative(LAM)
    np.testing.assert_allclose(mixture.relative(LAM, rv, f_a), expected, rtol=1e-14)
    assert mixture.rv_a(2.74, 0.0) == 3.1


def test_normalised_near_the_v_band():
    for name in ("F99", "G03_SMCBar", "G16"):
        assert extinction_law(name).relative([5480.0], 3.1)[0] == pytest.approx(1.0, abs=0.02)


def test_valid_points_of_a_mixture_keep_rv_a_within_the_axis():
    mixture = extinction_law("G16")
    for rv in (2.0, 2.5, 3.0, 4.0, 6.0):
        for f_a in (0.1, 0.5, 0.9):
            inverse = (1 / rv - (1 - f_a) / 2.74) / f_a
            inside = 1 / 6.0 <= inverse <= 1 / 2.0
            assert mixture.valid(rv, f_a, (2.0, 6.0)) == inside
    assert mixture.valid(2.0, 1.0, (2.0, 6.0))
    assert mixture.valid(6.0, 1.0, (2.0, 6.0))
    assert mixture.valid(2.74, 0.0, (2.0, 6.0))
    assert not mixture.valid(3.0, 0.0, (2.0, 6.0))
    assert extinction_law("F99").valid(9.0, 0.3, (2.0, 6.0))


def test_laws_of_the_package_and_mixtures_of_them():
    models = pytest.importorskip("dust_extinction.parameter_averages")
    averages = pytest.importorskip("dust_extinction.averages")
    g23, smc = models.G23(Rv=3.3), averages.G24_SMCAvg()
    np.testing.assert_allclose(
        extinction_law("G23").relative(LAM, 3.3), g23(1e4 / LAM / units.micron), rtol=1e-12
    )
    mixture = extinction_law("G23+G24_SMCAvg")
    assert mixture.rv_other == pytest.approx(smc.Rv)
    got = mixture.relative(LAM, smc.Rv, 0.0)
    np.testing.assert_allclose(got, smc(1e4 / LAM / units.micron), rtol=1e-12)
    assert mixture.longest == pytest.approx(min(1e4 / g23.x_range[0], 1e4 / smc.x_range[0]))


def test_aliases():
    assert extinction_law("Gordon16_RvFALaw").name == "G16"
    assert extinction_law("Fitzpatrick99").name == "F99"
    assert extinction_law("dustextpkg_F99").name == "F99"
    mixture = extinction_law("Generalized_RvFALaw:dustextpkg_F99+dustextpkg_G03_SMCBar")
    np.testing.assert_array_equal(
        mixture.relative(LAM, 3.0, 0.4), extinction_law("G16").relative(LAM, 3.0, 0.4)
    )


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (
            "F99",
            ([900.0], 3.1),
            "wavelength 900 A is outside of the law F99, which holds from 1000 to 33333.3 A",
        ),
        ("F99", ([2000.0], -1.0), "must be positive"),
        ("G16", ([2000.0], 3.1, 1.5), "must lie between 0 and 1"),
        ("G16", ([2000.0], 4.0, 0.01), "component B alone gives less"),
        ("nonsense", ([2000.0],), "unknown extinction law 'nonsense'"),
        ("F99+G16", ([2000.0],), "unknown extinction law 'G16'|must be an average curve"),
        ("G03_SMCBar+F99", ([2000.0],), "must depend on R"),
        ("G23", ([2000.0], 9.0), "defined for R"),
    ],
)
def test_wrong_input(name, arguments, message):
    pytest.importorskip("dust_extinction")
    with pytest.raises(InputError, match=message):
        extinction_law(name).relative(*arguments)


def test_extrapolation_in_rv_is_said(caplog):
    extinction_law("F99").relative([5000.0], 7.0)
    assert "R(V) = 7 is an extrapolation" in caplog.text
