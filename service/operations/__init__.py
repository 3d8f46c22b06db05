"""Commands that run the service: serve and demo."""
