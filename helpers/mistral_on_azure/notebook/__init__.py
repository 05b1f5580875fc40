"""What notebooks import: connecting to an endpoint, and showing answers, streams, usage and requests."""
