"""Reasons: contributions grouped by code and put into words."""
