"""The functions that notebooks import: they connect to an endpoint, and show answers, streams, usage and requests."""
