"""Configuration objects, checked when they are made: what the models are, how to fit, what to write."""
