"""Real language models behind the same protocol: README.md says which, `adapter` what they lack."""
