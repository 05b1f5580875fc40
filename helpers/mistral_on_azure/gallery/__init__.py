"""The gallery: all tasks and clients as a site that opens from disk.

`cookbook gallery` builds it. What it shows is made or measured, never typed: programs are the notebooks' starters,
outputs and exchanges come from running them, the comparison from results that the repository keeps.

Read the modules in this order: `command` (what happens), `sources` (what the site is made of), `starters` and `runs`
(the programs, and what came of running each), `front`, `tasks` and `comparison` (the pages; `wire`, `costs`, `failing`
and `sending` are parts of them), `beyond_python` (a page), `mirroring` (pages that are the project's own files),
`configuration` and `extension` (Sphinx).
"""
