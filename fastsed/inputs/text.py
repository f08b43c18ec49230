"""The former name of `fastsed.text`."""

from fastsed.text import decode, means_missing, parse_number, read_bytes, read_content

__all__ = ["decode", "means_missing", "parse_number", "read_bytes", "read_content"]
