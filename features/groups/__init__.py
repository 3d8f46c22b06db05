"""Feature groups: one package each, whose module `columns` states the meaning of each feature."""
