"""Sends requests to Microsoft's own container server, in front of vLLM with a tiny random model; keeps the answers."""
