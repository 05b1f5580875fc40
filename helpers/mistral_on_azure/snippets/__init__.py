"""Standalone programs, made from the notebooks' cells that are tagged for copying.

`snippet_commands` has the functions that the commands call: they choose a section and write files. `starter` composes
the program of a section from the `statements` that it needs, with a comment above them.
"""
