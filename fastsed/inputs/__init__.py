"""What the user hands in: files in, plain arrays out."""
