"""The models that answer chat requests: `model` is the protocol, which `script_model` and `engine` implement.

README.md describes the real engines.
"""
