"""Names of the parameters of stars as figures show them, with their units."""

from __future__ import annotations

LABELS = {
    "Av": "$A_V$ [mag]",
    "Rv": "$R_V$",
    "f_A": r"$f_\mathcal{A}$",
    "logA": "log (age / yr)",
    "M_ini": r"initial mass [$M_\odot$]",
    "M_act": r"present mass [$M_\odot$]",
    "Z": "metallicity $Z$ [mass fraction]",
    "distance": "distance [pc]",
    "logT": r"log ($T_{eff}$ / K)",
    "logg": r"log ($g$ / cm s$^{-2}$)",
    "logL": r"log ($L$ / $L_\odot$)",
}
"""Of the parameters in BEAST's stats files."""


def label_of(name: str) -> str:
    """The label of a parameter; its name where it has none."""
    return LABELS.get(name, name.replace("_", " "))
