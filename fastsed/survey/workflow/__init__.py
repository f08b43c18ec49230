"""The whole workflow of a field: one settings file in; its steps, what is up to date, and what is to be done out."""
