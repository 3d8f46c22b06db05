"""Evaluation of models: ranking, calibration, slices, baselines and studies."""
