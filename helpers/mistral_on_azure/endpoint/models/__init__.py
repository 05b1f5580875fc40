"""What answers: the script, or a real language model. README.md says which engines there are."""
