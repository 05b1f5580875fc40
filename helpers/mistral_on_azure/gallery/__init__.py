"""The gallery: all tasks, clients and recipes as a site that opens from disk; `cookbook gallery` builds it.

Nothing that it shows is written by hand: programs are the notebooks' snippets, outputs and exchanges come from running
them, the comparison from results that the repository keeps. `build` collects the sources and makes the site, `pages`
and `measured_pages` fill the templates, `runs` executes the programs in processes of `starter_process`.
"""
