"""What answers chat requests: `model` is the protocol, `script_model` and `engine` follow it. README.md has engines."""
