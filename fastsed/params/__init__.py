"""The FAST parameter file: table of keys, reader, documentation, front end."""

from fastsed.params.front_end import read_params
from fastsed.params.reader import COMMAND_LINE, parse_flag
from fastsed.params.reference import describe_key, parameters_markdown
from fastsed.params.table import Params, key_fields

__all__ = [
    "COMMAND_LINE",
    "Params",
    "describe_key",
    "key_fields",
    "parameters_markdown",
    "parse_flag",
    "read_params",
]
