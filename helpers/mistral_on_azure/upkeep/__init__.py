"""For maintainers: generated files, measurements, new recipes, other languages, and the scan for credentials."""
