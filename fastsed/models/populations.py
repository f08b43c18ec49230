"""The populations of a grid, one metallicity at a time: libraries and axes in, spectra and masses per population out.

A population is one age and one star formation history; its number is ``ilage * n_history + ihistory``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fastsed._ext.spectra import interpolate_spectra
from fastsed.arrays import Floats, Ints, Mask, Singles
from fastsed.config.models import ModelOptions
from fastsed.errors import InputError
from fastsed.library.csp import csp_formed, csp_history, csp_weights
from fastsed.library.find import find_gridded, find_own, find_ssp, missing_library
from fastsed.library.ssp import read_library
from fastsed.library.types import Library
from fastsed.library.validate import check_spectra
from fastsed.models.axes import Axes
from fastsed.models.kinematics import broaden
from fastsed.models.sfh import lookback_grid, years

log = logging.getLogger(__name__)


# wavelengths whose spectra are put together at a time
WAVELENGTHS_AT_ONCE = 512
# ages whose spectra are in memory together
AGES_AT_ONCE = 12


@dataclass
class Basis:
    """The spectra that the populations of one metallicity are made of.

    Attributes
    ----------
    lam : (nlam,)
        Rest wavelengths [Angstrom].
    sed : (nlam, nbasis)
        Luminosities [Lsun/Angstrom], wavelength by wavelength, in the precision of the libraries.
    n_young : int
        The first n_young spectra are of stars still in their birth clouds (Av + Av_bc); the others see Av only.
    """

    lam: Floats
    sed: Singles
    n_young: int = 0


def broadened(basis: Basis, sigma: float) -> Basis:
    """The basis with the velocity dispersion `sigma` [km/s] of APPLY_VDISP; itself for 0."""
    if sigma == 0:
        return basis
    sed = broaden(basis.lam, basis.sed.T.astype(float), sigma).T
    return Basis(basis.lam, np.ascontiguousarray(sed, dtype=np.float32), basis.n_young)


@dataclass
class Masses:
    """Per population: surviving stellar mass [Msun], star formation rate [Msun/yr], mass formed [Msun]."""

    surviving: Floats
    sfr: Floats
    formed: Floats


class Populations(Protocol):
    """All populations of one metallicity."""

    sources: list[str]
    """Where the spectra come from, for the log."""

    def basis(self, start: int = 0, stop: int | None = None) -> Basis:
        """The spectra of the populations of one of `parts`, all by default; read when asked for, not kept."""
        ...

    def basis_of(self, numbers: Ints) -> Basis:
        """The spectra that the populations `numbers` are made of: one of each, where populations are spectra."""
        ...

    @property
    def bytes_each(self) -> int:
        """Memory that the spectra take for each population; 0 if they are the same for any number of them."""
        ...

    @property
    def n_wavelengths(self) -> int:
        """Wavelengths of the spectra."""
        ...

    @property
    def n_ages(self) -> int:
        """Ages of the library."""
        ...

    def parts(self, limit: int) -> Iterator[tuple[int, int]]:
        """All populations in runs whose spectra are in memory together, of about `limit`."""
        ...

    def ranges(self, limit: int, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, int]]:
        """The populations of a part in runs of about `limit`, for each of which weights are found fast."""
        ...

    def weights_of_range(self, start: int, stop: int) -> Floats | None:
        """Share of each basis spectrum in the populations of one of `ranges`, (stop - start, nbasis).

        None if the basis spectra are the populations themselves.
        """
        ...

    def weights(self, numbers: Ints) -> Floats | None:
        """The same for any populations, (n, nbasis)."""
        ...

    def masses(self, numbers: Ints) -> Masses:
        """Masses and star formation rates of the populations `numbers`."""
        ...

    def histories(self, numbers: Ints) -> Iterator[tuple[Ints, Floats, Floats]]:
        """Rows of `numbers` of one age, their lookback grid (nt,) [yr] and histories (nrow, nt) [Msun/yr]."""
        ...

    def history(self, number: int, lookback: Floats) -> Floats:
        """SFR [Msun/yr] of one population at times `lookback` [yr] before it is observed; 0 before it was born."""
        ...

    def written_rates(self, numbers: Ints, t: Floats) -> Floats:
        """SFR (n, m) [Msun/yr] for BEST_SFHS, at times `t` (m,) [yr] since the Big Bang; the last is now."""
        ...

    def written_masses(self, numbers: Ints, t: Floats) -> Floats:
        """Surviving stellar mass (n, m) [Msun] at these times."""
        ...

    def usable_ages(self) -> tuple[float, float]:
        """Youngest and oldest age [yr] for which there are spectra."""
        ...

    def files(self) -> list[Path]:
        """The files read, whose content shapes the models."""
        ...


class GriddedPopulations:
    """Populations of FAST's own star formation histories: exp, del, tru, from `.ised` files or built from an SSP.

    Parameters
    ----------
    params : ModelOptions
    axes : Axes
    metal : float
    """

    def __init__(self, params: ModelOptions, axes: Axes, metal: float):
        self._params, self._axes, self._metal = params, axes, metal
        self._ages = 10.0 ** axes.lage.astype(float)
        self._members = _find_members(params, axes, metal)
        self.sources = sorted({m.source for m in self._members})
        self._masses: Masses | None = None

    def files(self) -> list[Path]:
        """The files read, whose content shapes the models."""
        return sorted({m.path for m in self._members})

    def basis(self, start: int = 0, stop: int | None = None) -> Basis:
        """Spectra of populations: of whole ages, or of some histories of one age; at ages outside the library zero."""
        n_history, stop = len(self._members), len(self) if stop is None else stop
        ages = self._ages[start // n_history : -(-stop // n_history)]
        members = self._members
        if stop - start < n_history:
            members = members[start % n_history : start % n_history + stop - start]
        lam, sed = _spectra(members, ages)
        return broadened(Basis(lam, sed), self._params.apply_vdisp)

    def basis_of(self, numbers: Ints) -> Basis:
        """A spectrum for each of the populations `numbers`."""
        ilage, ihistory = np.divmod(numbers, len(self._members))
        lam, sed = np.empty(0), np.empty((0, 0), dtype=np.float32)
        for one in np.unique(ihistory):
            columns = np.flatnonzero(ihistory == one)
            lam, some = _spectra(self._members[one : one + 1], self._ages[ilage[columns]])
            if not len(sed):
                sed = np.empty((len(lam), len(numbers)), dtype=np.float32)
            sed[:, columns] = some
        return broadened(Basis(lam, sed), self._params.apply_vdisp)

    def __len__(self) -> int:
        return len(self._ages) * len(self._members)

    @property
    def bytes_each(self) -> int:
        """The spectrum, a copy of it, and the shares of simple populations in it."""
        return 8 * (self.n_wavelengths + self.n_ages)

    @property
    def n_wavelengths(self) -> int:
        """Wavelengths of the spectra."""
        return self._members[0].n_wavelengths

    @property
    def n_ages(self) -> int:
        """Ages of the library."""
        return self._members[0].n_ages

    def parts(self, limit: int) -> Iterator[tuple[int, int]]:
        """All populations in runs of whole ages, or of histories of one age."""
        return self.ranges(limit)

    def ranges(self, limit: int, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, int]]:
        """Populations in runs of about `limit`: of whole ages or, where these are too long, of parts of one.

        Numbers that fill whole vectors are preferred.
        """
        n_history, stop = len(self._members), len(self) if stop is None else stop
        if n_history > limit or stop - start < n_history:
            step = max(1, limit // 16 * 16 or limit)
            for first in range(start, stop, n_history):
                end = min(first + n_history, stop)
                yield from ((low, min(low + step, end)) for low in range(first, end, step))
            return
        usual = max(1, limit // n_history)
        step = max(range(usual, usual * 4 // 3 + 1), key=lambda s: (s * n_history) / -(-s * n_history // 16))
        for low in range(start, stop, step * n_history):
            yield low, min(low + step * n_history, stop)

    def weights_of_range(self, start: int, stop: int) -> None:
        """None: the basis spectra are the populations."""

    def weights(self, numbers: Ints) -> None:
        """None: the basis spectra are the populations."""

    def masses(self, numbers: Ints) -> Masses:
        """Masses and star formation rates of the populations `numbers`."""
        if self._masses is None:
            result = [m.masses(self._ages, years(self._params.sfr_avg)) for m in self._members]
            surviving, sfr, formed = (
                np.stack([getattr(one, name) for one in result], axis=1).ravel()
                for name in ("surviving", "sfr", "formed")
            )
            self._masses = Masses(surviving, sfr, formed)
        m = self._masses
        return Masses(m.surviving[numbers], m.sfr[numbers], m.formed[numbers])

    def history(self, number: int, lookback: Floats) -> Floats:
        """SFR [Msun/yr] of one population at times `lookback` [yr] before it is observed; 0 before it was born."""
        ilage, ihistory = divmod(number, len(self._members))
        age = float(self._ages[ilage])
        times, rates = self._members[ihistory].track(age, years(self._params.custom_sfh_step))
        return np.interp(age - lookback, times, rates, left=0.0)

    def written_rates(self, numbers: Ints, t: Floats) -> Floats:
        """SFR (n, m) [Msun/yr] for BEST_SFHS, at times `t` (m,) [yr] since the Big Bang; the last is now.

        As in FAST++: linear between the ages of the library, to the end.
        """
        return self._along_time(numbers, t, lambda member, times: member.sfr_at(times))

    def written_masses(self, numbers: Ints, t: Floats) -> Floats:
        """Surviving stellar mass (n, m) [Msun] at these times.

        As in FAST++: linear between the ages of the library, and normalised to the mass at observation, which
        is interpolated in log(age).
        """
        result = self._along_time(numbers, t, lambda member, times: member.surviving_at(times))
        return result * (self.masses(numbers).surviving / result[:, -1])[:, None]

    def _along_time(
        self, numbers: Ints, t: Floats, at: Callable[[_IsedMember | _BuiltMember, Floats], Floats]
    ) -> Floats:
        """A function of the time since birth, at times since the Big Bang; 0 before the birth."""
        result = np.zeros((len(numbers), len(t)))
        for row, number in zip(result, numbers.tolist(), strict=True):
            ilage, ihistory = divmod(number, len(self._members))
            times = self._ages[ilage] - (t[-1] - t)
            born = times >= 0
            row[born] = at(self._members[ihistory], times[born])
        return result

    def histories(self, numbers: Ints) -> Iterator[tuple[Ints, Floats, Floats]]:
        """Rows of `numbers` of one history, their lookback times (nt,) [yr] and histories (nrow, nt) [Msun/yr].

        The times are those of the library, as in FAST++.
        """
        for row, number in enumerate(numbers):
            ilage, ihistory = divmod(int(number), len(self._members))
            age = float(self._ages[ilage])
            times, rates = self._members[ihistory].track(age, years(self._params.custom_sfh_step))
            yield np.array([row]), age - times[::-1], np.ascontiguousarray(rates[None, ::-1])

    def usable_ages(self) -> tuple[float, float]:
        """Youngest and oldest age [yr] that the library covers."""
        ranges = [m.age_range() for m in self._members]
        return max(r[0] for r in ranges), min(r[1] for r in ranges)


class _IsedMember:
    """One tau of a pre-gridded library."""

    def __init__(self, path: Path, metal: float, log_tau: float | None):
        self.path, self._metal, self._log_tau = path, metal, log_tau
        self.source = str(path.parent)
        self._tracks: tuple[Floats, Floats, Floats, Floats] | None = None
        self._n_wavelengths = 0

    def read(self) -> Library:
        """The content of the file."""
        return self._keep_tracks(read_library(self.path, self._metal, self._log_tau, lazy=True))

    def _keep_tracks(self, library: Library) -> Library:
        self._tracks = library.ages, library.sfr, library.mass, library.formed
        self._n_wavelengths = len(library.lam)
        return library

    @property
    def n_wavelengths(self) -> int:
        """Wavelengths of its spectra."""
        self._ages_rates_masses()
        return self._n_wavelengths

    @property
    def n_ages(self) -> int:
        """Ages of its spectra."""
        return len(self._ages_rates_masses()[0])

    def _ages_rates_masses(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Ages [yr], SFR [Msun/yr], surviving and formed masses [Msun], as the file has them."""
        if self._tracks is None:
            self._keep_tracks(read_library(self.path, self._metal, self._log_tau, check_spectra=False))
        assert self._tracks is not None
        return self._tracks

    def sfr_at(self, times: Floats) -> Floats:
        """SFR [Msun/yr] at times [yr] since the onset."""
        ages, sfr, _, _ = self._ages_rates_masses()
        return np.interp(times, ages, sfr)

    def surviving_at(self, times: Floats) -> Floats:
        """Surviving mass [Msun] at times [yr] since the onset."""
        ages, _, mass, _ = self._ages_rates_masses()
        return np.interp(times, ages, mass)

    def age_range(self) -> tuple[float, float]:
        ages = self._ages_rates_masses()[0]
        return float(ages[ages > 0][0]), float(ages[-1])

    def track(self, age: float, step: float) -> tuple[Floats, Floats]:
        """Times and rates from the onset to `age`: those of the library, and the interpolated rate at `age`."""
        ages, sfr, _, _ = self._ages_rates_masses()
        left, x, _ = _log_age_weights(ages, np.array([age]))
        last = sfr[left] * (1 - x) + sfr[left + 1] * x
        before = ages < age
        return np.append(ages[before], age), np.append(sfr[before], last)

    def masses(self, ages: Floats, sfr_window: float) -> Masses:
        """Masses and rates at `ages`, the rates averaged over `sfr_window` [yr] before."""
        times, rates, surviving, formed = self._ages_rates_masses()
        left, x, inside = _log_age_weights(times, ages)

        def at_ages(values: Floats) -> Floats:
            return values[left] * ((1 - x) * inside) + values[left + 1] * (x * inside)

        sfr = at_ages(rates)
        if sfr_window > 0:
            sfr = np.where(inside, mean_rate(times, rates, ages, sfr_window), 0.0)
        return Masses(at_ages(surviving), sfr, at_ages(formed))


class _BuiltMember:
    """One tau built on the fly from an SSP."""

    def __init__(self, path: Path, ssp: Library, sfh: str, log_tau: float):
        self.path, self.ssp, self._sfh, self._tau = path, ssp, sfh, 10.0**log_tau
        self.source = f"{path} (SSP, {sfh} built on the fly)"
        self.n_wavelengths, self.n_ages = len(ssp.lam), len(ssp.ages)

    def age_range(self) -> tuple[float, float]:
        return 0.0, float(self.ssp.ages[-1])

    def sfr_at(self, times: Floats) -> Floats:
        """SFR [Msun/yr] at times [yr] since the onset."""
        return csp_history(self._sfh, self._tau, times)[0]

    def surviving_at(self, times: Floats) -> Floats:
        """Surviving mass [Msun] at times [yr] since the onset."""
        return csp_weights(self.ssp.ages, self._sfh, self._tau, times) @ self.ssp.mass

    def track(self, age: float, step: float) -> tuple[Floats, Floats]:
        """Times and rates from the onset to `age`, `step` apart."""
        times = age - lookback_grid(age, step)[::-1]
        times[0] = max(times[0], 0.0)
        return times, csp_history(self._sfh, self._tau, times)[0]

    def weights(self, ages: Floats) -> Floats:
        """Weights of the SSPs (nlage, nage)."""
        # float32 axes may stick out of the library by a rounding
        inside = ages <= self.ssp.ages[-1] * (1 + 1e-5)
        weights: Floats = csp_weights(self.ssp.ages, self._sfh, self._tau, ages) * inside[:, None]
        return weights

    def masses(self, ages: Floats, sfr_window: float) -> Masses:
        """Masses and rates at `ages`, the rates averaged over `sfr_window` [yr] before."""
        sfr, formed = csp_history(self._sfh, self._tau, ages)
        if sfr_window > 0:
            before = np.maximum(ages - sfr_window, 0)
            sfr = csp_formed(self._sfh, self._tau, before, ages) / sfr_window
        return Masses(self.weights(ages) @ self.ssp.mass, sfr, formed)


def _find_members(params: ModelOptions, axes: Axes, metal: float) -> list[_IsedMember] | list[_BuiltMember]:
    """One member per tau: the pre-gridded file where there is one, else the SSP from which to build it."""
    where = (params.library_dir, params.library, params.resolution, params.imf)
    if params.my_sfh:
        return [_IsedMember(find_own(*where, params.my_sfh, metal), metal, None)]
    taus = [round(float(t), 6) for t in axes.as_dict()["ltau"]]
    # up to the first that is missing
    paths = list(takewhile(bool, (find_gridded(*where, params.sfh, metal, tau) for tau in taus)))
    if len(paths) == len(taus):
        return [_IsedMember(p, metal, tau) for p, tau in zip(paths, taus, strict=True) if p]
    result = find_ssp(*where, metal)
    if result is None:
        raise missing_library(*where, metal, params.sfh, taus[0])
    ssp = read_library(result[0], result[1])
    log.info(
        "no pre-gridded '%s' library for log(tau/yr) = %g at Z=%g: building all %d values from the SSPs of %s",
        params.sfh, taus[len(paths)], metal, len(taus), result[0],
    )  # fmt: skip
    return [_BuiltMember(result[0], ssp, params.sfh, tau) for tau in taus]


def _spectra(members: list[_IsedMember] | list[_BuiltMember], ages: Floats) -> tuple[Floats, Singles]:
    """Wavelengths, and the spectra (nlam, nage * nmember) of all members at `ages`; zero outside the library."""
    if isinstance(members[0], _BuiltMember):
        ssp = members[0].ssp
        weights = np.stack([m.weights(ages) for m in members], axis=1).reshape(-1, len(ssp.ages))
        sed = np.empty((len(ssp.lam), len(weights)), dtype=np.float32)
        for start in range(0, len(sed), WAVELENGTHS_AT_ONCE):
            run = slice(start, start + WAVELENGTHS_AT_ONCE)
            sed[run] = ssp.sed[:, run].T @ weights.T
        return ssp.lam, sed
    return _interpolated(members, ages)


@dataclass
class _History:
    """Spectra (n, nlam) at the ages of a library that are in use, and where the ages of the grid (nage,) lie in it.

    `below` is the earlier age of each pair, `early` and `late` are the shares of the two. `mapped` is the library, if
    the spectra are read from its file where they are looked at.
    """

    lam: Floats
    sed: NDArray[np.floating]
    below: Ints
    early: Floats
    late: Floats
    mapped: Library | None

    @classmethod
    def of(cls, member: _IsedMember, ages: Floats) -> _History:
        """Read the history of a member."""
        library = member.read()
        below, fraction, inside = _log_age_weights(library.ages, ages)
        rows = _rows_in_use(below)
        sed = library.sed[rows]
        if not library.is_mapped:
            # a view would keep the other ages
            sed = np.array(sed, dtype=np.float32)
        mapped = library if library.is_mapped else None
        return cls(library.lam, sed, below - rows.start, (1 - fraction) * inside, fraction * inside, mapped)


def _interpolated(members: list[_IsedMember], ages: Floats) -> tuple[Floats, Singles]:
    """The same of members from files, linear in log10(age)."""
    histories = [_History.of(member, ages) for member in members]
    lam = histories[0].lam
    for member, history in zip(members, histories, strict=True):
        if not np.array_equal(lam, history.lam):
            raise InputError("has other wavelengths than the rest of its library", member.path)
    early, late = np.array([h.early for h in histories]), np.array([h.late for h in histories])
    sed = np.empty((len(lam), len(ages) * len(members)), dtype=np.float32)
    for start in range(0, len(ages), AGES_AT_ONCE):
        some = slice(start, start + AGES_AT_ONCE)
        columns = slice(start * len(members), (start + AGES_AT_ONCE) * len(members))
        used = [_rows_in_use(h.below[some]) for h in histories]
        # files of the other byte order are turned round here
        native = [np.asarray(h.sed[rows], dtype=np.float32) for h, rows in zip(histories, used, strict=True)]
        below = np.array([h.below[some] - rows.start for h, rows in zip(histories, used, strict=True)])
        for member, history, rows_in_use in zip(members, histories, native, strict=True):
            if history.mapped is not None:
                check_spectra(rows_in_use, member.path)
        interpolate_spectra(native, below, early[:, some], late[:, some], sed[:, columns])
        for history in histories:
            if history.mapped is not None:
                history.mapped.release()
    return lam, sed


def _rows_in_use(below: Ints) -> slice:
    """The ages of a library between which others lie, given the earlier one of each pair."""
    return slice(int(below.min()), int(below.max()) + 2)


def _log_age_weights(library_ages: Floats, ages: Floats) -> tuple[Ints, Floats, Mask]:
    """Left neighbour, share of the right one, and whether the age is covered, linear in log10(age)."""
    start = int(np.searchsorted(library_ages, 0, side="right"))
    known = np.log10(library_ages[start:])
    targets = np.log10(ages)
    # float32 axes may stick out of the library by a rounding
    inside = (targets >= known[0] - 1e-6) & (targets <= known[-1] + 1e-6)
    left = np.clip(np.searchsorted(known, targets, side="right") - 1, 0, len(known) - 2)
    fraction = np.clip((targets - known[left]) / (known[left + 1] - known[left]), 0, 1)
    return left + start, fraction, inside


def mean_rate(times: Floats, rates: Floats, ages: Floats, window: float) -> Floats:
    """Mean SFR over the `window` [yr] before each age: the integral of a piecewise-linear history, over `window`.

    Parameters
    ----------
    times, rates : (n,) the history [yr, Msun/yr]; zero before the first time
    ages : (m,)

    Returns
    -------
    ndarray, shape (m,)
        [Msun/yr]; divided by the whole window even where the population is younger.
    """
    # piece by piece: in a difference of masses formed so far, late rates would lose their digits
    start = np.maximum(ages - window, times[0])
    edges = np.clip(times, start[:, None], ages[:, None])
    at_edges = np.interp(edges, times, rates)
    mean: Floats = 0.5 * np.sum((at_edges[:, 1:] + at_edges[:, :-1]) * np.diff(edges), axis=1) / window
    return mean
