"""Calibration of raw log-odds, base rates and percentiles."""
