"""`python -m fastsed` is the command `fastsed`."""

import sys

from fastsed.cli.main import run

sys.exit(run())
