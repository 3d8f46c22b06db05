"""Scoring: a table of goods items becomes risks, lanes and reasons."""
