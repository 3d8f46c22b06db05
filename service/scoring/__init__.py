"""Scoring of JSON requests by the model in service, and replacement of that model."""
