"""Fits of stars: models with their own errors and weights, and star fluxes, in; posteriors, as plain arrays, out."""

from fastsed.fitting.stars.engine import StarFitter
from fastsed.fitting.stars.options import FitOptions
from fastsed.fitting.stars.results import LnpSamples, StarPosteriors
from fastsed.fitting.stars.source import ArrayModels, FullCovariance

__all__ = ["ArrayModels", "FitOptions", "FullCovariance", "LnpSamples", "StarFitter", "StarPosteriors"]
