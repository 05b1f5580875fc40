"""Mistral's tokenizer files, as mistral-common 1.13 has them, and their licence (Apache-2.0)."""
