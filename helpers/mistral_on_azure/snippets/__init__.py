"""Programs that stand alone, made from the notebooks' cells that are tagged for it.

`offering` is what the commands call: it chooses a section and writes files. `starter` composes the program of a section
from the `statements` that it needs, with a comment above them.
"""
