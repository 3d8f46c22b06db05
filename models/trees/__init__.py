"""Evaluation of LightGBM boosters: scores and exact contributions."""
