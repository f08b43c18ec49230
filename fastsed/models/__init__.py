"""From stellar populations to model fluxes: libraries and a grid in, flux tiles and properties out."""
