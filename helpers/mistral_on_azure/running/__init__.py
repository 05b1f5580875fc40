"""Executing notebooks.

`command` is the way in. `selection` and `jobs` say what to run, `targets` which endpoint it talks to, `worker` and
`papermilling` run one notebook, `pool` and `runner` run them side by side. `results` is what is known of each one,
`progress` tells it live, and `reports` writes it down. `newest` and `pythons` do all that with other packages and other
Pythons.
"""
