"""Work of officers: outcomes, overrides and the queue."""
