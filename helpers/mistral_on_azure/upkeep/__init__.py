"""For maintainers: what keeps the repository true."""
