"""Scripts that maintainers run to build reference data, convert bundles and check worlds."""
