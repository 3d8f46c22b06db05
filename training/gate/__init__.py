"""The gate of `tidewaiter promote`: what a candidate must prove against the model in service."""
