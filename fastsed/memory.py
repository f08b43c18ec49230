"""What a run needs of memory, by arithmetic: a set-up in, upper bounds in bytes out; and what the machine has."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from fastsed.aligned import PADDING
from fastsed.fitting.passes import (
    BATCH_BYTES,
    BYTES_PER_SIMULATION,
    SIMULATION_BYTES,
    posteriors_together,
)
from fastsed.fitting.posterior import LAYOUTS_KEPT
from fastsed.models.custom import HISTORY_BYTES
from fastsed.models.grid import BASIS_BYTES, KEEP_BYTES, TABLE_BYTES, TILE_BYTES, WINDOW_BYTES
from fastsed.uncertainties import DESCRIBED_BYTES

if TYPE_CHECKING:
    from fastsed.problem import Problem

# Python with numpy, scipy, h5py; and with what writes FITS files
PROGRAM_BYTES = 90 << 20
ASTROPY_BYTES = 60 << 20
# spectra of a library while it is read, relative to its file: text becomes numbers
READING_FACTOR = 6
# what a thread has beside tiles: its stack, buffers of the kernels
THREAD_BYTES = 8 << 20
# numbers of a row of the catalogue in memory, for each of its columns: as read, converted, squared, masked
COPIES_OF_DATA = 14
# numbers kept of each source beside its data: identifier, redshifts, windows, best fit
NUMBERS_OF_SOURCE = 64
# arrays of the random numbers while they are drawn
COPIES_OF_NOISE = 14
# arrays that describe the models of a simulation or of an acceptable model, for each axis and property
COPIES_OF_VALUES = 4
# arrays that a formula of time holds while it is evaluated
ARRAYS_OF_FORMULA = 8
# bins of a property and what is left free beside them (posterior.h): over forty powers of ten, or without logarithm
LOGARITHMIC_BINS, LINEAR_BINS = 4096 + 64, 1024 + 64
# histograms as they are summed and broadened, and handed out
COPIES_OF_HISTOGRAMS = 2
# PDFs of axes as sums, as probabilities, and of the parts of a catalogue together; least chi2 of redshifts
COPIES_OF_PDFS = 4
FLOAT_BYTES = 8


def memory_parts(problem: Problem) -> dict[str, int]:
    """Upper bounds [bytes] of what is in memory at a time, by what it holds; their sum bounds the run."""
    return {
        "program": PROGRAM_BYTES
        + ASTROPY_BYTES * (problem.params.save_sim or problem.params.output_format != ("fout",))
        + THREAD_BYTES * problem.grid.n_threads,
        "catalogue": _catalogue(problem),
        "models": _models(problem),
        "simulations": _simulations(problem),
        "posteriors": _posteriors(problem),
        "results": _results(problem),
    }


def _catalogue(problem: Problem) -> int:
    data, params = problem.data, problem.params
    text = sum(
        path.stat().st_size
        for path in (
            Path(params.catalog_path),
            *(Path(params.catalog_stem + end) for end in (".zout", ".lir")),
        )
        if path.is_file()
    )
    n_z = len(problem.grid.axes.z)
    errors = FLOAT_BYTES * n_z * (data.n_columns + 8)
    each = COPIES_OF_DATA * data.n_columns + NUMBERS_OF_SOURCE
    return 2 * text + FLOAT_BYTES * data.n_sources * each + errors


def _models(problem: Problem) -> int:
    """Libraries, spectra of populations, tables, tiles in flight and kept."""
    grid, n_threads = problem.grid, problem.grid.n_threads
    axes, n_columns = grid.axes, grid.rows.count
    n_cells = axes.n_cells
    n_populations = len(axes.lage) * axes.n_history
    populations = grid.populations[0]
    library = READING_FACTOR * max((path.stat().st_size for path in populations.files()), default=0)
    each = max(populations.bytes_each, 1)
    # the spectra themselves, a copy of those in use, and what makes them
    spectra = 3 * min(max(BASIS_BYTES, PADDING * each), n_populations * each)
    dust = 4 * FLOAT_BYTES * n_cells * populations.n_wavelengths
    if problem.params.custom_sfh:
        spectra = 4 * FLOAT_BYTES * populations.n_wavelengths * populations.n_ages
        history = FLOAT_BYTES * grid.most_time_steps
        histories = max(history, min(HISTORY_BYTES, history * axes.n_history))
        spectra += ARRAYS_OF_FORMULA * n_threads * histories
        table = FLOAT_BYTES * n_columns * n_cells * populations.n_ages
        tables = min(TABLE_BYTES, len(axes.z) * table) + n_threads * table
    else:
        tables = n_threads * WINDOW_BYTES
    tile = (
        FLOAT_BYTES
        * (n_columns + 2 + 3 * grid.needs_dust)
        * n_cells
        * min(max(TILE_BYTES // (FLOAT_BYTES * max(1, n_columns) * n_cells) * 4 // 3, PADDING), n_populations)
    )
    in_flight = (2 * n_threads + 4 if n_threads > 1 else 2) * 2 * tile
    kept = min(KEEP_BYTES, 2 * FLOAT_BYTES * n_columns * axes.size) if grid.several_passes else 0
    masses = 6 * FLOAT_BYTES * n_populations
    return library + spectra + dust + tables + in_flight + kept + masses + n_threads * WINDOW_BYTES


def _simulations(problem: Problem) -> int:
    p, data = problem.params, problem.data
    if not p.n_sim or not data.n_sources:
        return 0
    n_values = len(problem.grid.axes.names) + len(problem.columns) + 8
    together = max(1, min(data.n_sources, SIMULATION_BYTES // (BYTES_PER_SIMULATION * p.n_sim)))
    described = max(1, min(together, DESCRIBED_BYTES // (FLOAT_BYTES * p.n_sim)))
    noise = COPIES_OF_NOISE * FLOAT_BYTES * p.n_sim * (data.n_columns + 1)
    kept = 4 * BYTES_PER_SIMULATION * p.n_sim * together
    values = COPIES_OF_VALUES * FLOAT_BYTES * p.n_sim * n_values * described
    distances = 3 * FLOAT_BYTES * p.n_sim**2 if p.best_from_sim else 0
    return noise + kept + values + distances


def _posteriors(problem: Problem) -> int:
    """Histograms of some sources with what is made of them, those of axes, and what the models of a tile have."""
    p, axes, n_sources = problem.params, problem.grid.axes, problem.data.n_sources
    if not (p.posterior or p.save_pdf) or not n_sources:
        return 0
    n_properties = len(problem.described)
    together = min(n_sources, posteriors_together(n_properties))
    n_bins = sum(LINEAR_BINS if q.transform == "linear" else LOGARITHMIC_BINS for q in problem.described)
    histograms = COPIES_OF_HISTOGRAMS * n_bins * together
    # of all sources the estimates stay, and of axes the PDFs
    n_axes = COPIES_OF_PDFS * sum(axes.shape)
    estimates = (4 + 2 * len(p.posterior_percentiles)) * (n_properties + len(axes.names))
    n_columns = problem.grid.rows.count
    layouts = (LAYOUTS_KEPT + 1) * axes.models_per_redshift * 3 * (n_properties + 4)
    pieces = 2 * BATCH_BYTES + 3 * FLOAT_BYTES * n_columns * axes.models_per_redshift
    return FLOAT_BYTES * (histograms + n_sources * (n_axes + estimates) + layouts) + pieces


def _results(problem: Problem) -> int:
    """Best fits, bounds of all columns, and the pieces in which files are written."""
    p, data, grid = problem.params, problem.data, problem.grid
    n_values = len(grid.axes.names) + len(problem.columns) + 8
    n_bounds = 2 * len(p.c_interval) * (p.n_sim > 0 or p.interval_from_chi2)
    result = FLOAT_BYTES * data.n_sources * n_values * (4 + 2 * n_bounds)
    printed = 100 * min(data.n_sources, 65536) * (len(problem.columns) * (1 + n_bounds))
    written = (192 << 20) * (bool(p.save_chi_grid) + bool(p.save_bestchi or p.interval_from_chi2))
    histories = (128 << 20) * p.best_sfhs
    return result + printed + written + histories


def machine_bytes() -> int:
    """Memory that this process may have: of the machine, of its control group, of `ulimit -v`."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    address_space = resource.getrlimit(resource.RLIMIT_AS)[0]
    if address_space != resource.RLIM_INFINITY:
        limits.append(address_space)
    return min(limits)
