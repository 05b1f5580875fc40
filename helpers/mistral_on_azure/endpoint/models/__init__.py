"""The models that answer chat requests: `model` is the protocol, which `script_model` and `engine` implement.

Messages are read by `messages` and, with tools, by `conversation` and `mistral_rules`; `tokens` counts them. Of the
script, `script_files` reads the files, `script_layers` finds the exchange for a request, `script_entries` matches one,
`sampling` makes the completion, and `completions` encodes it. README.md describes the real engines.
"""
