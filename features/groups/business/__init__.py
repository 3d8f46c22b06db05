"""The feature group "business"."""
