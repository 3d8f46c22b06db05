"""The routers of the HTTP interface."""
