"""Programs that stand alone, made from those cells of the notebooks that have the tag of snippets.

`offering` is what the commands call: it chooses a section and writes files. `starter` composes the program of a section
from the `statements` that it needs, with a comment above them.
"""
