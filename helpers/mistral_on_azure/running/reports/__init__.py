"""What a run reports: `record` is the complete JSON, `junit` is for CI systems, `summary` and `table` for people."""
