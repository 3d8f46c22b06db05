"""Simulated worlds, a package per author."""
