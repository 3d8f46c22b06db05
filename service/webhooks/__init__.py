"""Webhooks: signed messages about red decisions to addresses of the office."""
