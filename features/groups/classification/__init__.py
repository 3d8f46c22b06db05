"""The feature group "classification"."""
