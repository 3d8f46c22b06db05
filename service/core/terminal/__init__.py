"""What commands share: options, output, and the exit status of errors."""
