"""Operation of the service: serve, demo and doctor."""
