"""Real language models behind the same protocol: README.md says which.

`choosing` finds the one that is meant, `real_model` asks it, `adapter` and `forcing` put in what it lacks. `embedded`
is a small one of our own, and `installing` brings it.
"""
