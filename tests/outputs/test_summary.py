"""The short table after the example."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from fastsed.outputs.summary import summary

NAMES = ("z", "lmass", "lsfr", "lssfr", "Av", "chi2")


def results(**values):
    """What `summary` reads of a `Results`; the quantities not given are one everywhere."""
    n = len(next(iter(values.values())))
    found = {name: np.asarray(values.get(name, np.ones(n)), dtype=float) for name in NAMES}
    return SimpleNamespace(values=found, fitted=np.isfinite(found["z"]))


def row(text, label):
    (line,) = [line for line in text.splitlines() if line.startswith(label)]
    return line.removeprefix(label).replace("to", " ").split()


def test_percentiles_of_the_fitted():
    z = np.append(np.arange(101) / 100, [np.nan, np.nan])
    text = summary(results(z=z, lmass=10 ** (9 + z)))
    assert text.startswith("101 of 103 galaxies fitted\n")
    assert row(text, "redshift") == ["0.500", "0.160", "0.840"]
    assert row(text, "log10 stellar mass [Msun]") == ["9.50", "9.16", "9.84"]
    assert row(text, "reduced chi2") == ["1.00", "1.00", "1.00"]


def test_zero_rates_count_as_small():
    text = summary(results(lsfr=[0, 0, 0, 1, 10]))
    assert row(text, "log10 star formation rate [Msun/yr]") == ["-inf", "-inf", "0.00"]


def test_a_quantity_without_values():
    text = summary(results(z=np.ones(3), lssfr=[np.nan] * 3))
    assert row(text, "log10 specific rate [1/yr]") == ["-"]


def test_nothing_fitted():
    assert summary(results(z=[np.nan, np.nan])) == "0 of 2 galaxies fitted"
