"""Compiled kernels: contiguous arrays in, filled arrays out; they import nothing of ours."""
