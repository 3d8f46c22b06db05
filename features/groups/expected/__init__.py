"""The feature group "expected"."""
