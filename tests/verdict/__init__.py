"""Tests of `fastsed.verdict`."""
