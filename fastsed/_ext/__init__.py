"""Compiled kernels: contiguous arrays in, filled arrays out; they import nothing of ours."""

import os

from fastsed._ext.team import release_team

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=release_team)
