"""The tasks in other languages: the programs of notebooks/beyond-python, and the notebooks made from them.

`programs` knows the programs and takes them apart, task by task; `cells` makes the notebooks' code cells from the
parts; `keeping` fills these in, executes the notebooks and keeps the outputs (`make beyond-python`).
"""
