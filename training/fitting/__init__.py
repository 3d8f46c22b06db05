"""Fitting of boosters and calibrators."""
