"""Scoring of JSON requests by the model in service, and the exchange of that model."""
