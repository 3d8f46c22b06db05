"""The feature group "route"."""
