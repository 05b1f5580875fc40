"""What Azure does not have: requested faults, timing, and sessions with a journal of their exchanges."""
