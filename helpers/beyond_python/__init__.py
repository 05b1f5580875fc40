"""The tasks in other languages: the programs of notebooks/beyond-python.

`programs` knows them and takes them apart, task by task.
"""
