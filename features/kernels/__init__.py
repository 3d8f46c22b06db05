"""Loops over rows that numpy has no single operation for, compiled where a C compiler is at hand."""
