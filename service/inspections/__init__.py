"""Inspections: the queue of shipments, claims on them, outcomes and overrides."""
