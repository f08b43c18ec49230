"""The keys of a settings file that the workflow reads itself."""

from __future__ import annotations

KEYS = {
    "obsfile": "catalogue of the field",
    "astfile": "results of the artificial star tests; the workflow waits for them",
    "vega": "fluxes of Vega",
    "obs_colnames": "columns of the catalogue, one a filter",
    "map_pixsize": "size of the pixels of the source density map [arcsec]",
    "map_npix": "number of its pixels along each side, in place of their size",
    "map_mag_name": "magnitude by which sources are counted",
    "map_mag_cut": "[bright, faint] limits of the sources that are counted",
    "reference": "image from which the background is measured; without it there is no map of it",
    "bg_npix": "number of pixels of the background map along each side",
    "bg_mask_radius": "radius of the masks around sources [pixel]",
    "bg_ann_width": "width of the annuli in which the background is measured [pixel]",
    "flag_filters": "bands in which a source must have a flux that is not zero",
    "sd_binmode": "bins of source density: linear or log",
    "sd_Nbins": "number of bins of source density",
    "sd_binwidth": "width of the bins of source density",
    "sd_custom": "edges of the bins of source density",
    "n_per_file": "sources in a sub file",
    "min_n_subfile": "smallest number of sub files of a bin",
    "sort_col": "flux by which sources are sorted into sub files",
    "noise_model": "observation model: toothpick, trunchen or splinter",
    "noise_options": "further options of `noise`, as on the command line",
    "num_subtrim": "number of trimming jobs",
    "num_percore": "fits in a fitting job",
    "nice": "priority of the jobs",
    "prefix": "lines to begin each job list with",
    "job_format": "at, slurm or parallel",
    "fit_options": "further options of `fit`, as on the command line",
    "reg_size": "size of the spatial regions [arcsec]",
}
"""Keys of a settings file that the workflow reads itself, with their meaning."""
