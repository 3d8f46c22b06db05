"""Scoring of JSON requests, the model in service and its replacement, and the live history."""
