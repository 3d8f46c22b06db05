"""Scoring, validation and resolution of files, and output of the results."""
