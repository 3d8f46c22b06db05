"""The feature group "filing"."""
