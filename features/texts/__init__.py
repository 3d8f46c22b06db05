"""Texts of manifests: tokens, patterns, identifiers, and the cache of numbers derived from texts."""
