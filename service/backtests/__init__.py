"""Backtests and shadows: what another model or further rules would have decided, beside what was decided."""
