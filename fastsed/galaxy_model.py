"""Models of galaxies for Python callers: keywords and axes in, checked options and the axes of the grid out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastsed.arrays import Floats, Singles
from fastsed.config.models import ModelOptions
from fastsed.config.options import option_fields
from fastsed.errors import InputError
from fastsed.models.axes import FIXED_AXES, Axes
from fastsed.models.axes import axis as fast_axis
from fastsed.models.custom import history_formula
from fastsed.sizes import check_models

if TYPE_CHECKING:
    from astropy.cosmology import FLRW


HISTORIES = {"exponential": "exp", "delayed": "del", "truncated": "tru"}
"""Names of the star formation histories, and FAST's for them."""

_KEYWORDS = {"dust_law", "sfr_avg", "no_max_age", "library", "resolution", "imf", "library_dir"}
_REPLACED = {
    "sfh": "sfh",
    "custom_sfh": "sfh",
    "metal": "metallicity",
    "no_igm": "igm",
    "grid_exclude": "exclude",
    "continuum_indices": "indices",
    "h0": "cosmology",
    "omega_m": "cosmology",
    "omega_l": "cosmology",
    "differential_a_v": "av_bc",
    "my_sfh": "sfh",
}


def axis(low: float, high: float, step: float) -> Floats:
    """Space the values of an axis of the grid by FAST's rule.

    Parameters
    ----------
    low, high, step : float
        First and last value, and the distance of neighbours. The last value is `high` itself, also where the steps do
        not end there.

    Returns
    -------
    float64 array (n,)
        n = round((high - low) / step) + 1.

    Raises
    ------
    InputError
        If the step leads nowhere, or there are too many values.
    """
    return fast_axis(low, high, step, "axis").astype(np.float64)


class GalaxyModel:
    """A grid of composite stellar populations behind dust, at a number of redshifts.

    Parameters
    ----------
    sfh : str
        "exponential", "delayed" or "truncated", or a formula of `t` [yr] and of parameters that are given as further
        keywords, each an axis (docs/histories.md).
    log_age : axis
        log10 of the age [yr]. An axis is a number, a sequence, or `fastsed.axis(min, max, step)`.
    redshift : axis
        All above 0.
    metallicity : axis
        Mass fractions of metals; the library must hold each of them.
    av : axis
        Attenuation in the V band [mag].
    log_tau : axis, optional
        log10 of the time scale [yr]; needed by the histories with a name.
    library, resolution, imf : str, optional
        Of the stellar populations; those inside the package if not given.
    library_dir : path-like, optional
        Folder of further libraries.
    dust_law : str
        Attenuation law, as DUST_LAW (docs/parameters.md).
    igm : {"madau95", "inoue14", None}
        Absorption by the intergalactic medium.
    cosmology : astropy.cosmology.FlatLambdaCDM, optional
        H0 = 70 km/s/Mpc and Omega_m = 0.3 if not given.
    sfr_avg : float
        Time over which star formation rates are averaged [Myr]; 0 for that of now.
    rest_mag : sequence of int or str
        Filters of rest-frame magnitudes.
    indices : path-like, optional
        Definitions of spectral indices.
    av_bc : axis, optional
        Further attenuation of young stars [mag]; for formulas.
    no_max_age : bool
        Allow models older than the Universe.
    exclude : str
        A formula of the axes; models where it is not 0 are left out.
    **parameters
        Axes of the parameters of a formula; other keys that describe models (docs/parameters.md), in lower case.

    Attributes
    ----------
    options : ModelOptions
    axes : Axes

    Raises
    ------
    InputError
        Where a value or a combination of values is wrong.
    TypeError
        For an unknown keyword.
    """

    def __init__(
        self,
        *,
        sfh: str = "delayed",
        log_age: ArrayLike,
        redshift: ArrayLike,
        metallicity: ArrayLike = 0.02,
        av: ArrayLike = 0.0,
        log_tau: ArrayLike | None = None,
        library: str | None = None,
        resolution: str | None = None,
        imf: str | None = None,
        library_dir: str | os.PathLike[str] | None = None,
        dust_law: str = "calzetti",
        igm: str | None = "madau95",
        cosmology: FLRW | None = None,
        sfr_avg: float = 0.0,
        rest_mag: Sequence[int | str] = (),
        indices: str | os.PathLike[str] | None = None,
        av_bc: ArrayLike | None = None,
        no_max_age: bool = False,
        exclude: str = "",
        **parameters: Any,
    ):
        history, keys = _history(sfh, log_tau, parameters)
        fixed = {
            "z": _values("redshift", redshift, ascending=True),
            "a_v": _values("av", av),
            "a_v_bc": _values("av_bc", 0.0 if av_bc is None else av_bc),
            "log_age": _values("log_age", log_age, ascending=True),
        }
        metals = _values("metallicity", metallicity)
        given = {
            "library": library,
            "resolution": resolution,
            "imf": imf,
            "library_dir": library_dir,
            "continuum_indices": indices,
        }
        options: dict[str, Any] = {
            **{f"{name}_{end}": v for name, values in fixed.items() for end, v in _range(values).items()},
            **keys,
            **{name: value for name, value in given.items() if value is not None},
            **_cosmology(cosmology),
            "metal": metals.tolist(),
            "dust_law": dust_law,
            "no_igm": igm is None,
            "igm": igm or "madau95",
            "sfr_avg": sfr_avg,
            "rest_mag": rest_mag,
            "differential_a_v": av_bc is not None,
            "no_max_age": no_max_age,
            "grid_exclude": exclude,
        }
        self.options = ModelOptions(**options)
        if self.options.custom_sfh:
            _check_formula(self.options)
        self.axes = Axes(
            names=(*FIXED_AXES, *history),
            values=(fixed["z"], fixed["a_v"], fixed["a_v_bc"], fixed["log_age"], metals, *history.values()),
        )
        check_models(dict(zip(self.axes.names, self.axes.shape, strict=True)))

    def __repr__(self) -> str:
        shape = ", ".join(f"{name}: {n}" for name, n in zip(self.axes.names, self.axes.shape, strict=True))
        return f"<GalaxyModel: {self.axes.size} models ({shape})>"


def _check_formula(options: ModelOptions) -> None:
    """Refuse a history that is neither a name nor a formula."""
    try:
        history_formula(options)
    except InputError as error:
        names = ", ".join(HISTORIES)
        raise InputError(f"sfh: neither {names} nor a formula: {error.message}") from error


def _history(
    sfh: str, log_tau: ArrayLike | None, parameters: dict[str, Any]
) -> tuple[dict[str, Singles], dict[str, Any]]:
    """Axes of the star formation history by name, and the keys of the options that say which it is."""
    options = {row.name for row in option_fields(ModelOptions)}
    for name in parameters:
        if name in _REPLACED or name in _KEYWORDS or name in _range_names():
            raise TypeError(f"GalaxyModel has no keyword '{name}': use '{_REPLACED.get(name, 'an axis')}'")
    keys = {name: value for name, value in parameters.items() if name in options}
    custom = {name: value for name, value in parameters.items() if name not in options}
    if sfh in HISTORIES:
        if custom:
            near = get_close_matches(next(iter(custom)), options, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise TypeError(f"GalaxyModel has no keyword '{next(iter(custom))}'{hint}")
        if log_tau is None:
            raise InputError(f"sfh='{sfh}' needs log_tau, the time scale of star formation")
        tau = _values("log_tau", log_tau)
        ends = {f"log_tau_{end}": v for end, v in _range(tau).items()}
        return {"ltau": tau}, keys | ends | {"sfh": HISTORIES[sfh]}
    if log_tau is not None:
        custom = {"log_tau": log_tau, **custom}
    history = {name: _values(name, values) for name, values in custom.items()}
    ranges = {name.lower(): tuple(_range(values).values()) for name, values in history.items()}
    tau_ends = (
        {f"log_tau_{end}": v for end, v in _range(history["log_tau"]).items()} if log_tau is not None else {}
    )
    return history, keys | tau_ends | {
        "custom_sfh": sfh,
        "custom_params": tuple(history),
        "custom_ranges": ranges,
    }


def _range_names() -> set[str]:
    return {
        f"{name}_{end}"
        for name in ("z", "a_v", "a_v_bc", "log_age", "log_tau")
        for end in ("min", "max", "step")
    }


def _values(name: str, values: ArrayLike, ascending: bool = False) -> Singles:
    """Values of an axis as the grid holds them.

    Raises
    ------
    InputError
        If there are none, or they are no finite numbers, or not ascending where they must be.
    """
    try:
        result = np.atleast_1d(np.asarray(values, dtype=np.float64)).astype(np.float32)
    except (TypeError, ValueError):
        raise InputError(f"{name} = {values!r}: expected a number or a sequence of numbers") from None
    if result.ndim != 1 or not result.size or not np.isfinite(result).all():
        raise InputError(f"{name} = {values!r}: expected finite numbers, at least one")
    if ascending and np.any(np.diff(result) <= 0):
        raise InputError(f"{name}: its values must be ascending")
    return result


def _range(values: Singles) -> dict[str, float]:
    """Ends of an axis, and a step with which they are valid."""
    low, high = float(values.min()), float(values.max())
    return {"min": low, "max": high, "step": (high - low) or 1.0}


def _cosmology(cosmology: FLRW | None) -> dict[str, float]:
    """The options of a flat universe of matter and a cosmological constant."""
    if cosmology is None:
        return {}
    if getattr(cosmology, "Ok0", 0.0) != 0.0 or type(cosmology).__name__ != "FlatLambdaCDM":
        raise InputError(f"cosmology: expected an astropy FlatLambdaCDM, not {type(cosmology).__name__}")
    matter = float(cosmology.Om0)
    return {"h0": float(cosmology.H0.to_value("km / (s Mpc)")), "omega_m": matter, "omega_l": 1.0 - matter}


def options_of(model: GalaxyModel) -> dict[str, Any]:
    """The options of a model, by name: to be joined with those of the fit."""
    return {row.name: getattr(model.options, row.name) for row in fields(ModelOptions)}
