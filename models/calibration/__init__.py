"""Calibration: conversion of raw log-odds into probabilities, risks and percentiles."""

from models.calibration.calibrator import LEAST_SPARED, Calibrator, CalibratorKind, Calibrators, is_number, spare_facts
from models.calibration.log_odds import combine, logit, probability, shift, shifted_probabilities
from models.calibration.percentile import ReferenceScores

__all__ = [
    "LEAST_SPARED",
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
    "spare_facts",
]
