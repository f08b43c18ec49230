"""Figures and pages for people to look at: results in; matplotlib figures, PNG, PDF and HTML out."""
