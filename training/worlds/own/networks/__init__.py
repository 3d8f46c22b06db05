"""The simulated trafficking networks and inspections."""
