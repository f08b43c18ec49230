"""From fluxes to answers: tiles and observations in, best fits and intervals out."""
