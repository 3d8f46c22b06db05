"""MLflow tracking, registration and promotion."""
