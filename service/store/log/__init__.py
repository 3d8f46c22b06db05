"""Log of decisions: insert decisions, find those of a shipment, and page through the log."""
