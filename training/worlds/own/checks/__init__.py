"""Checks of the simulated world: agreement with published figures, and difficulty."""
