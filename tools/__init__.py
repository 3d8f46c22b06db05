"""Scripts that maintainers run to build reference data."""
