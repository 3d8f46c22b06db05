"""Trials of rules and watch lists on files."""
