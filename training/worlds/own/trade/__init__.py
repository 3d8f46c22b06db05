"""The simulated trade: goods, parties, routes and records."""
