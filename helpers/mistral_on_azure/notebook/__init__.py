"""What notebooks import: connecting to an endpoint, and showing what came of a call."""
