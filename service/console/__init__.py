"""The officers' console: web pages at `/` for the queue, shipments, files, look-ups, plans, the model, rules and administration."""
