"""A commented settings file to begin with."""

from __future__ import annotations

from fastsed.survey.workflow.keys import KEYS

TEMPLATE = """\
# Settings of one field, for `fastsed-survey run`. Paths start at the folder of this file.
# `fastsed-survey grid --help` and `ast-inputs --help` list all keys of the physics model and of the artificial stars.
project = "field"                 # folder of the products, and how their names begin

# --- data
obsfile = "field.fits"            # catalogue: RA, DEC, <BAND>_RATE (flux over that of Vega), <BAND>_VEGA
astfile = "field_asts.fits"       # results of the artificial star tests; the workflow waits for them
vega = "vega.txt"                 # fluxes of Vega: FILTER F_lambda, or vega.hd5 of BEAST or pyphot
# obs_colnames = ["F475W_RATE"]   # columns of the catalogue, one a filter (default: by the names of the filters)

# --- source density and background
map_pixsize = 5.0                 # arcsec; or map_npix = 15
map_mag_name = "F475W_VEGA"
map_mag_cut = [15.0, 26.5]        # from bright to half a magnitude above the peak of the histogram
# reference = "image.fits"        # measures the background, too
# bg_npix = 15
sd_binmode = "linear"
sd_Nbins = 5
n_per_file = 6250
sort_col = "F475W_RATE"

# --- physics model (or: physics_grid = the name of a grid that exists, without the keys below)
output = "field/field_seds.grid.hd5"
filters = ["HST_ACS_WFC_F475W", "HST_ACS_WFC_F814W"]
filter_curves = "filters.hd5"
isochrones = "isochrones.csv"
atmospheres = ["kurucz.hd5"]
logt = [6.0, 10.13, 0.05]
distances = [24.47]
distance_unit = "mag"
extinction = "G16"
av = [0.0, 10.05, 0.15]
rv = [2.0, 6.0, 0.5]
fA = [0.0, 1.0, 0.1]
age_prior_model = { name = "flat" }
mass_prior_model = { name = "kroupa" }

# --- artificial stars
ast_n_flux_bins = 40
ast_n_per_flux_bin = 50
ast_with_positions = true
ast_density_table = "field_sourceden_map.hd5"

# --- observation model, jobs, regions
noise_model = "toothpick"         # or trunchen, splinter
num_subtrim = 5
num_percore = 2
nice = 19
job_format = "at"                 # or slurm, parallel
reg_size = 10.0                   # arcsec
"""


def key_list() -> str:
    """The keys that the workflow reads itself, a line each."""
    return "keys of the workflow:\n" + "\n".join(f"  {key:34s}{text}" for key, text in KEYS.items())
