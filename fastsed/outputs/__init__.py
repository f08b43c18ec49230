"""What the user gets: fit results in, files out."""
