"""State of the service: health, readiness, metrics, the model, and the fields of manifests."""
