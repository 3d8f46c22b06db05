"""Erasure of personal data everywhere, on request and after the retention time."""
