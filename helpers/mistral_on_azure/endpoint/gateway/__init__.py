"""The gateway: who may come in, how much, and what becomes of errors; one file for each kind of deployment."""
