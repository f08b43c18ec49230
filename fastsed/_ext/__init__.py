"""The kernels: Cython drivers over arithmetic in C headers. They import nothing of the rest of the package.

What goes through what::

    tile of models (band, model)  x  sources (band)           best_fit      a block of sources takes a part of a tile
      8 MB, one redshift              weights at that z       acceptable    the same, for all models below a limit
                                                              chi2_rows     a source takes a whole tile
            |
            | groups.h: 16 models that resemble each other
            v
    group: axis, angle  x  source  x  simulations (512)       simulate      bounds first, products where they must be

    photometry, spectra, sfh      spectra -> band fluxes of a tile
    team                          threads are given back before a process forks
    percentiles, ravel, gridio    best models -> intervals, indices along the axes, blocks of the chi2 grid

Each driver (.pyx) opens the arrays, takes its memory from a `Scratch`, shares the work among threads (shares.h) and
calls C. The C code is written once on vectors of VW numbers and compiled for each SIMD level (each_level.h); vector
code screens, `try_model` (best_fit.h) and `try_simulated` (chi2_simulations.h), compiled once, decide.
Shared structures: chi2_types.h. Declarations for Cython: .pxd; for type checkers: .pyi.
"""

import os

from fastsed._ext.team import release_team

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=release_team)
