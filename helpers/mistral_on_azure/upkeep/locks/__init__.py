"""Lock files, with hashes: the packages that each optional group adds to requirements.lock."""
