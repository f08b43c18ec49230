"""The stellar population library as plain data."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field

from numpy import float64, floating
from numpy.typing import NDArray


@dataclass
class Library:
    """Spectra of one metallicity along age: an SSP, or one pre-gridded star formation history.

    Attributes
    ----------
    ages : ndarray, shape (nage,)
        Ages [yr], ascending; the first may be 0.
    lam : ndarray, shape (nlam,)
        Rest-frame wavelengths [Angstrom], ascending.
    sed : ndarray, shape (nage, nlam)
        Luminosity [Lsun/Angstrom]; an SSP's is for 1 Msun formed. May be a view of a file, in its precision.
    mass : ndarray, shape (nage,)
        Surviving stellar mass [Msun]; an SSP's is the surviving fraction of the formed mass.
    sfr : ndarray, shape (nage,)
        Star formation rate [Msun/yr]; zero for an SSP.
    formed : ndarray, shape (nage,)
        Mass formed since the start [Msun]; one for an SSP.
    kind : {"ssp", "gridded"}
    metallicity : float
        Mass fraction of metals, NaN when the file does not say.
    source : str
        Path or description of where it came from.
    provenance : dict
        Origin, citation, licence, IMF, as the file records them.
    """

    ages: NDArray[float64]
    lam: NDArray[float64]
    sed: NDArray[floating]
    mass: NDArray[float64]
    sfr: NDArray[float64]
    formed: NDArray[float64]
    kind: str
    metallicity: float
    source: str
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def is_mapped(self) -> bool:
        """Whether the spectra are read from the file where they are looked at."""
        return isinstance(self.sed.base, mmap.mmap)

    def release(self) -> None:
        """Give back the memory of spectra that are read from the file; they can be looked at again."""
        if isinstance(self.sed.base, mmap.mmap):
            self.sed.base.madvise(mmap.MADV_DONTNEED)
