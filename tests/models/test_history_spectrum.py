"""The spectrum of a history: by hand, and with each of its options."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.errors import InputError
from fastsed.inputs.history_table import History
from fastsed.models.attenuation import attenuation_curve
from fastsed.models.cosmology import Cosmology
from fastsed.models.history_spectrum import history_spectrum
from fastsed.models.igm import igm_transmission
from tests.library.make_files import AGES, LAM, simple

SSP = simple(0.02)
# 1 Msun/yr from the observation to 1 Myr before: within the bins of the two youngest populations
HISTORY = History(np.array([0.0, 1e6]), np.array([1.0, 1.0]))


def by_hand():
    """Populations in bins of age that end half way between them."""
    edges = np.clip(np.concatenate([[0.0], 0.5 * (AGES[:-1] + AGES[1:]), AGES[-1:]]), 0, 1e6)
    return np.diff(edges)


def test_sum_of_populations():
    spectrum = history_spectrum(HISTORY, SSP)
    np.testing.assert_allclose(spectrum.flux, by_hand() @ SSP.sed, rtol=1e-12)
    np.testing.assert_array_equal(spectrum.wavelength, LAM)
    assert spectrum.formed_mass == pytest.approx(1e6)
    assert spectrum.surviving_mass == pytest.approx(by_hand() @ SSP.mass)
    assert spectrum.sfr == 1.0


def test_unit_mass_scales_the_spectrum_alone():
    spectrum = history_spectrum(HISTORY, SSP, unit_mass=True)
    np.testing.assert_allclose(spectrum.flux, by_hand() @ SSP.sed / 1e6, rtol=1e-12)
    assert spectrum.formed_mass == pytest.approx(1e6)


def test_attenuation_redshift_and_absorption():
    rest = history_spectrum(HISTORY, SSP).flux
    dust = 10 ** (-0.4 * 0.7 * attenuation_curve("calzetti", LAM))
    universe = Cosmology(60.0, 0.25, 0.75)
    for igm in (None, "madau95", "inoue14"):
        seen = history_spectrum(HISTORY, SSP, av=0.7, z=3.0, cosmology=universe, igm=igm)
        expected = rest * dust * universe.luminosity_to_flux(3.0) * igm_transmission(LAM, 3.0, igm)
        np.testing.assert_allclose(seen.flux, expected, rtol=1e-12)
        np.testing.assert_allclose(seen.wavelength, 4 * LAM)


@pytest.mark.parametrize(
    ("history", "options", "message"),
    [
        (HISTORY, {"av": -0.1}, "Av=-0.1 is negative"),
        (HISTORY, {"z": 0.0}, "z=0 must be above 0"),
        (History(np.array([0.0, 1e12]), np.ones(2)), {}, "its first stars are 1e"),
        (History(np.array([0.0, 1e6]), np.zeros(2), "sfh.txt"), {}, "sfh.txt: no stars form"),
    ],
)
def test_wrong_values(history, options, message):
    with pytest.raises(InputError, match=message):
        history_spectrum(history, SSP, **options)
