"""HTTP: connections, bodies, answers, and the documentation of the API."""
