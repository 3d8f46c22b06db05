"""Loops over trees, compiled where a C compiler is at hand."""
