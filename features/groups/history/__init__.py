"""History features: statistics of earlier shipments with the same parties, addresses and trade lanes."""
