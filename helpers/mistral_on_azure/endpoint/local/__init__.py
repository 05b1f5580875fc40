"""What Azure does not have: faults and timing on demand, and sessions with a journal."""
