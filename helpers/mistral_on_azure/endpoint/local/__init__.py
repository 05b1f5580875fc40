"""What Azure does not have: faults and a pace on demand, and sessions with a journal of their exchanges."""
