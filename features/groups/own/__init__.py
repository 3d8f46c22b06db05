"""The feature group "own"."""
