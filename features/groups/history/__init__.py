"""History features: what earlier shipments showed about the parties and addresses of a shipment."""
