"""Messages about decisions, jobs, outcomes and list hits to addresses of the office."""
