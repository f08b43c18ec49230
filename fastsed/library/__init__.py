"""Stellar populations: library files in, `Library` objects out."""
