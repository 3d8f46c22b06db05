"""Adapting a model to an office's own traffic without labels."""
