"""The log of decisions: write them, find those of a shipment, and page through them."""
