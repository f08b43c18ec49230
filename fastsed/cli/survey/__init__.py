"""The command `fastsed-survey`: one module per subcommand, a table that names them."""
