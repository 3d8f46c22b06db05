"""Training data: labels, windows in time, and features with history."""
