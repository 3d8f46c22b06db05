"""The feature group "party"."""
