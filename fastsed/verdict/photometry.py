"""What is unusual about a photometric catalogue: its columns as they were read in, findings out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fastsed.arrays import Floats
from fastsed.medians import median
from fastsed.verdict.finding import LIMITS, Finding, listed, outside

MISSING_CODES = (-99.0, -99.9, -99.99, -999.0, -999.9, -9999.0)
"""Fluxes that stand for "not measured" in FAST and in many catalogues."""

REDSHIFT_NAMES = frozenset(
    (
        *("z", "zspec", "specz", "spec_z", "z_spectro", "redshift", "z_best", "zbest"),
        *("zphot", "photz", "photoz", "z_phot", "z_peak"),
    )
)
"""Lower-case names of columns that may hold redshifts, other than Z_SPEC."""


@dataclass(frozen=True)
class Photometry:
    """Fluxes as they stand in a catalogue.

    Attributes
    ----------
    flux_names, error_names : list of str
        The columns.
    given_flux, given_error : (nsource, nband)
        As written in the file.
    flux, error : (nsource, nband)
        In the same unit, brought to total fluxes; a masked band has error = inf and flux = 0.
    total_name : str
        The column of the factor from fluxes to total ones, `TOT<n>`; empty where there is none.
    total : (nsource,) or None
        That factor.
    total_band : int
        Which of the bands it is for.
    """

    flux_names: Sequence[str]
    error_names: Sequence[str]
    given_flux: Floats
    given_error: Floats
    flux: Floats
    error: Floats
    total_name: str = ""
    total: Floats | None = None
    total_band: int = 0

    def spread(self, n_sources: int) -> Photometry:
        """About so many of the sources, evenly spread: medians do not need them all."""
        step = max(1, len(self.flux) // n_sources)
        arrays = {
            name: getattr(self, name)[::step] for name in ("given_flux", "given_error", "flux", "error")
        }
        return replace(self, **arrays, total=None if self.total is None else self.total[::step])


def column_label(header: str, name: str) -> str:
    """A column as the user knows it: its name in the file, and FAST's if that is another."""
    return name if header.upper() == name.upper() else f"{header} ({name})"


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def photometry_findings(
    data: Photometry, zero_point: float, header: Sequence[str], names: Sequence[str], path: str
) -> list[Finding]:
    """All findings on a catalogue.

    Parameters
    ----------
    data : Photometry
    zero_point : float
        AB magnitude of a flux of 1.
    header, names : sequence of str
        All columns of the file: as written there, and after translation, in upper case.
    path : str
        Of the catalogue, for messages.
    """
    some = data.spread(LIMITS.sources_for_medians)
    return [
        *unused_redshifts(header, names, path),
        *missing_codes(data, path),
        *absent_bands(data, path),
        *total_fluxes(some, path),
        *magnitude_like_fluxes(some, path),
        *magnitudes(some, zero_point),
        *signal_to_noise(some),
    ]


def unused_redshifts(header: Sequence[str], names: Sequence[str], path: str) -> Iterator[Finding]:
    """Columns that look like redshifts where there is no Z_SPEC."""
    if "Z_SPEC" in names:
        return
    for column, name in zip(header, names, strict=True):
        if name.lower() in REDSHIFT_NAMES:
            yield Finding(
                f"{path}: the column {column} is not used; if it holds known redshifts, call it z_spec "
                f"(a line '{column} Z_SPEC' in the .translate file does)",
                unusual=True,
            )


def missing_codes(data: Photometry, path: str) -> Iterator[Finding]:
    """Fluxes of -99 and the like that count as measured, since their error is positive."""
    if not (data.given_flux <= max(MISSING_CODES)).any():
        return
    positive = np.isfinite(data.given_error) & (data.given_error > 0)
    for code in MISSING_CODES:
        counts = np.count_nonzero((data.given_flux == code) & positive, axis=0)
        bands = [f"{name} ({n})" for name, n in zip(data.flux_names, counts, strict=True) if n]
        if bands:
            yield Finding(
                f"{path}: a flux of {code:g} with a positive error counts as measured, in {listed(bands)}, with "
                "the number of sources; where nothing was measured, set the error to -1",
                unusual=True,
            )


def total_fluxes(data: Photometry, path: str) -> Iterator[Finding]:
    """A column TOT<n> that holds total fluxes, as FAST wants it, not factors: it goes with the flux of its band."""
    if data.total is None:
        return
    flux = data.given_flux[:, data.total_band]
    chosen = np.isfinite(data.total) & (data.total > 0) & np.isfinite(flux) & (flux > 0)
    if not chosen.any():
        return
    total = np.log10(data.total[chosen])
    ratio = total - np.log10(flux[chosen])
    typical = float(10 ** median(total))
    along = np.count_nonzero(chosen) >= LIMITS.band_values and np.std(ratio) < np.std(total)
    unusual = outside(typical, LIMITS.total_factor) or bool(along)
    text = f"{path}: median factor {data.total_name} to total fluxes: {typical:.3g}"
    band = data.flux_names[data.total_band]
    advice = f"; if these are total fluxes, divide them by {band}: all fluxes are multiplied by this column"
    yield Finding(text + advice if unusual else text, unusual)


def absent_bands(data: Photometry, path: str) -> Iterator[Finding]:
    """Bands that no source has."""
    counts = np.count_nonzero(np.isfinite(data.error), axis=0)
    absent = [name for name, count in zip(data.flux_names, counts, strict=True) if not count]
    if absent:
        many = len(data.error) >= LIMITS.absent_band_sources
        yield Finding(f"{path}: no source has a valid flux in {listed(absent)}", unusual=many)


def magnitude_like_fluxes(data: Photometry, path: str) -> Iterator[Finding]:
    """Fluxes that may be magnitudes: all alike, and between the magnitudes of bright and faint galaxies."""
    valid = np.isfinite(data.error)
    flux = data.flux[valid]
    if flux.size < LIMITS.magnitude_like_values or data.flux.shape[1] < 2:
        return
    low, high = np.percentile(flux, [5, 90], method="nearest")
    if low < LIMITS.magnitude_like[0] or high > LIMITS.magnitude_like[1]:
        return
    certain = median(flux / data.error[valid]) > LIMITS.magnitude_like_ratio
    if certain or len(data.flux) >= LIMITS.magnitude_like_sources:
        yield Finding(
            f"{path}: the fluxes ({data.flux_names[0]}, ...) look like magnitudes: most lie between {low:.3g} and "
            f"{high:.3g}; fluxes are expected, linear, with the AB_ZEROPOINT of a flux of 1",
            unusual=True,
        )


def band_magnitudes(data: Photometry, zero_point: float) -> Floats:
    """Median AB magnitude of the detections of each band, else of its positive fluxes, (nband,); NaN for none."""
    result = np.full(data.flux.shape[1], np.nan)
    for band, (flux, error) in enumerate(zip(data.flux.T, data.error.T, strict=True)):
        positive = np.isfinite(error) & (flux > 0)
        detected = positive & (flux > LIMITS.detection * error)
        chosen = detected if detected.any() else positive
        if chosen.any():
            result[band] = zero_point - 2.5 * np.log10(median(flux[chosen]))
    return result


def magnitudes(data: Photometry, zero_point: float) -> Iterator[Finding]:
    """How bright the sources are, so that a wrong zero point shows."""
    by_band = band_magnitudes(data, zero_point)
    named = {name: m for name, m in zip(data.flux_names, by_band, strict=True) if np.isfinite(m)}
    if not named:
        if np.isfinite(data.error).any():
            yield Finding("median AB magnitude of the bands: none, no flux is above 0", unusual=True)
        return
    overall = median(list(named.values()))
    unusual = outside(overall, LIMITS.ab_magnitude)
    text = f"median AB magnitude of the bands: {overall:.1f} ({listed(f'{n} {m:.1f}' for n, m in named.items())})"
    low, high = LIMITS.ab_magnitude
    advice = (
        f"AB_ZEROPOINT = {zero_point:g} must be the magnitude of a flux of 1: 23.9 for microjansky, 8.9 for jansky, "
        "31.4 for nanojansky"
    )
    yield Finding(f"{text}; usual are {low:g} to {high:g}; {advice}" if unusual else text, unusual)
    odd = [f"{n} {m:.1f}" for n, m in named.items() if outside(m, LIMITS.ab_magnitude)]
    if odd and not unusual:
        yield Finding(
            f"median AB magnitude of {listed(odd)}; usual are {low:g} to {high:g}: are these fluxes in the unit "
            f"of the others? {advice}",
            unusual=True,
        )


def signal_to_noise(data: Photometry) -> Iterator[Finding]:
    """Errors compared with fluxes, so that inverse variances and magnitudes show."""
    medians: dict[str, float] = {}
    odd: dict[str, float] = {}
    for name, flux, error in zip(data.error_names, data.flux.T, data.error.T, strict=True):
        # a flux of exactly 0 is an upper limit
        valid = np.isfinite(error) & (flux != 0)
        if not valid.any():
            continue
        medians[name] = median(np.abs(flux[valid]) / error[valid])
        if np.count_nonzero(valid) >= LIMITS.band_values and outside(medians[name], LIMITS.signal_to_noise):
            odd[name] = medians[name]
    if not medians:
        return
    overall = median(list(medians.values()))
    if outside(overall, LIMITS.signal_to_noise):
        odd = medians
    else:
        yield Finding(f"median ratio of flux and error: {overall:.3g}")
    if odd:
        low, high = LIMITS.signal_to_noise
        yield Finding(
            f"median ratio of flux and error: {listed(f'{n} {ratio:.2g}' for n, ratio in odd.items())}; usual are "
            f"{low:g} to {high:g}: are these errors inverse variances, magnitudes, or in another unit?",
            unusual=True,
        )
