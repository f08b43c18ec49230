"""The commands, one module each: a command line in, an exit status out."""
