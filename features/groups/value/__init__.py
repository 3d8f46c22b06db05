"""The feature group "value"."""
