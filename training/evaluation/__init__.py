"""Evaluation: ranking, calibration, slices, baselines and studies."""
