"""The feature group "substance"."""
