"""Calibration: conversion of raw log-odds into probabilities, risks and percentiles."""

from models.calibration.calibrator import Calibrator, CalibratorKind, Calibrators, is_number
from models.calibration.log_odds import combine, logit, probability, shift, shifted_probabilities
from models.calibration.percentile import ReferenceScores

__all__ = [
    "Calibrator",
    "CalibratorKind",
    "Calibrators",
    "ReferenceScores",
    "combine",
    "is_number",
    "logit",
    "probability",
    "shift",
    "shifted_probabilities",
]
