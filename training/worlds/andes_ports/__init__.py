"""The world "andes_ports", by an author of its own."""
