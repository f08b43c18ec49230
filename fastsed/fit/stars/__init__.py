"""Fits of stars: models with their own errors and weights, and star fluxes, in; posteriors, as plain arrays, out."""

from fastsed.fit.stars.engine import StarFitter
from fastsed.fit.stars.options import FitOptions
from fastsed.fit.stars.results import LnpSamples, StarPosteriors
from fastsed.fit.stars.source import ArrayModels, FullCovariance

__all__ = ["ArrayModels", "FitOptions", "FullCovariance", "LnpSamples", "StarFitter", "StarPosteriors"]
