"""The feature group "description"."""
