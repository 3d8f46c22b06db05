"""Routers of the HTTP interface."""
