"""Executing notebooks: `jobs` says what to run, `worker` runs one, `runner` runs them side by side, `report` tells."""
