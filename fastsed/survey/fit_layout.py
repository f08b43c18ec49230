"""Layout of the products of a fit of stars: parameters, bins, columns in; headers and positions in the files out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsed.fitting.stars.parameters import Bins
from fastsed.survey.fits_blocks import BLOCK, EMPTY_PRIMARY, card, header_bytes, pad
from fastsed.survey.pdf_files import image_header, square_primary

STATISTICS = ("Best", "Exp", "p16", "p50", "p84")
"""What the stats file holds of each parameter, `X_Best` and so on."""
FORMS = {"f8": "D", "i8": "K", "i2": "I"}


@dataclass(frozen=True)
class FitLayout:
    """What the products hold.

    Attributes
    ----------
    filters : tuple of str
    wavelengths : ndarray, shape (n_filters,)
        [Angstrom].
    names : tuple of str
        Parameters.
    bins : tuple of Bins
    pair_names : sequence of (str, str)
    pair_bins : sequence of (Bins, Bins)
    n_stars : int
    name_width : int
        Bytes of the longest name of a star.
    has_positions, has_beast_idx, has_row_id, has_full_rows : bool
        Columns of the catalogue that are carried over; whether rows of the full grid are given as well.
    extras : bool
        Columns that BEAST's files do not have.
    filter_table : bool
        The second table of the stats file.
    """

    filters: tuple[str, ...]
    wavelengths: NDArray[np.float64]
    names: tuple[str, ...]
    bins: tuple[Bins, ...]
    pair_names: Sequence[tuple[str, str]]
    pair_bins: Sequence[tuple[Bins, Bins]]
    n_stars: int
    name_width: int
    has_positions: bool = True
    has_beast_idx: bool = False
    has_row_id: bool = False
    has_full_rows: bool = False
    extras: bool = True
    filter_table: bool = True

    @property
    def stats_type(self) -> np.dtype[Any]:
        """A row of the stats file, in FITS's byte order."""
        fields = [("Name", f"S{self.name_width}")]
        fields += [(name, ">f8") for name in ("RA", "DEC") if self.has_positions]
        fields += [(name, ">f8") for name in self.filters]
        fields += [("beast_idx", ">i8")] if self.has_beast_idx else []
        fields += [(f"{name}_{what}", ">f8") for name in self.names for what in STATISTICS]
        fields += [("chi2min", ">f8"), ("chi2min_indx", ">i8"), ("Pmax", ">f8"), ("Pmax_indx", ">i8")]
        fields += [("specgrid_indx", ">i8"), ("total_log_norm", ">f8")]
        if self.extras and self.has_full_rows:
            fields += [("chi2min_fullgrid_indx", ">i8"), ("Pmax_fullgrid_indx", ">i8")]
        fields += [("fit_status", ">i2")] if self.extras else []
        fields += [("row_id", ">i8")] if self.extras and self.has_row_id else []
        return np.dtype(fields)

    def stats_file(self) -> tuple[bytes, bytes]:
        """What comes before and behind the rows of the stats file."""
        dtype = self.stats_type
        before = EMPTY_PRIMARY + table_header(dtype, self.n_stars)
        behind = b"\0" * (-self.n_stars * dtype.itemsize % BLOCK)
        return before, behind + (self._filter_table() if self.filter_table else b"")

    def _filter_table(self) -> bytes:
        width = max(len(name.encode()) for name in self.filters)
        rows = np.empty(len(self.filters), [("filternames", f"S{width}"), ("wavelengths", ">f8")])
        rows["filternames"], rows["wavelengths"] = self.filters, self.wavelengths
        return table_header(rows.dtype, len(rows)) + pad(rows.tobytes())

    def pdf1d_parts(self) -> list[ImagePart]:
        """The images of the 1-D PDFs: rows of the stars, and a last one of the bins' centres."""
        parts, position = [], len(square_primary())
        for name, bins in zip(self.names, self.bins, strict=True):
            centres = bins.centres.astype(">f8")[None]
            parts.append(ImagePart(name, (self.n_stars, bins.n_bins), centres, position))
            position = parts[-1].end
        return parts

    def pdf2d_parts(self) -> list[ImagePart]:
        """The images of the 2-D PDFs: planes of the stars, and two of the bins' centres."""
        parts, position = [], len(square_primary())
        for (one, two), bins in zip(self.pair_names, self.pair_bins, strict=True):
            first, second = np.meshgrid(bins[0].centres, bins[1].centres, indexing="ij")
            centres = np.stack([first, second]).astype(">f8")
            shape = (self.n_stars, bins[0].n_bins, bins[1].n_bins)
            parts.append(ImagePart(f"{one}+{two}", shape, centres, position))
            position = parts[-1].end
        return parts


@dataclass(frozen=True)
class ImagePart:
    """An image extension in a file.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Of the PDFs of all stars.
    centres : ndarray, shape (n, ...)
        What follows them.
    position : int
        Of the header in the file.
    """

    name: str
    shape: tuple[int, ...]
    centres: NDArray[np.float64]
    position: int

    @property
    def header(self) -> bytes:
        """The header."""
        return image_header(self.name, (self.shape[0] + len(self.centres), *self.shape[1:]))

    @property
    def row_size(self) -> int:
        """Bytes of a star."""
        return 8 * int(np.prod(self.shape[1:]))

    @property
    def start(self) -> int:
        """Position of the data."""
        return self.position + len(self.header)

    @property
    def end(self) -> int:
        """Position behind data and padding."""
        size = (self.shape[0] + len(self.centres)) * self.row_size
        return self.start + size + (-size % BLOCK)


def table_header(dtype: np.dtype[Any], n_rows: int) -> bytes:
    """Header of a binary table with rows of this type (FITS's byte order; numbers and bytes)."""
    cards = [
        card("XTENSION", "BINTABLE"),
        card("BITPIX", 8),
        card("NAXIS", 2),
        card("NAXIS1", dtype.itemsize),
    ]
    cards += [
        card("NAXIS2", n_rows),
        card("PCOUNT", 0),
        card("GCOUNT", 1),
        card("TFIELDS", len(dtype.names or ())),
    ]
    for i, name in enumerate(dtype.names or (), 1):
        kind = dtype[name]
        form = f"{kind.itemsize}A" if kind.kind == "S" else FORMS[kind.str[1:]]
        cards += [card(f"TTYPE{i}", name), card(f"TFORM{i}", form)]
    return header_bytes(cards)
