"""Checks of the simulated world: published figures, and whether it is too easy."""
