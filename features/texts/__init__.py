"""Texts of manifests: tokens, patterns, identifiers, and caches of values derived from texts."""
