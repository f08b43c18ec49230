"""Physics of resolved stars: isochrones, atmospheres, dust, priors in; grids of model fluxes and weights out."""
