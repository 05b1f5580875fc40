"""Standalone starters, made from the notebooks' cells that are tagged `snippet`; nothing is written twice.

`cells` reads them, `choosing` understands which one is meant, `starter` composes a Python program and `shell` a bash
script; `command` is what `cookbook snippet` and `cookbook snippets` call.
"""
