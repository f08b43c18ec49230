"""Fits of stars: models with their own errors and weights, and star fluxes, in; posteriors, as plain arrays, out."""
