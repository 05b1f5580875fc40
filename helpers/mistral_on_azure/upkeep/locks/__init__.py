"""What each optional group of packages adds to requirements.lock, with hashes."""
