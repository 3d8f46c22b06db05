"""Lanes by what the office can inspect, and the plan of a capacity."""
