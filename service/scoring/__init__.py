"""Scoring of requests by the model in service."""
