"""Ask Microsoft's own container server, in front of vLLM with a tiny random Mistral, and keep what it answers."""
