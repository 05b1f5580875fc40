"""Executing notebooks side by side.

`command` is `cookbook run`, with the options of `run_options`. `plans` chooses the `jobs` and their target, which is
one of `targets`. `worker` and `papermilling` execute one notebook, `pool` all of them. `results` holds the state of
each job and shows it live, `history` has the usage of its last success. `record` keeps a run as JSON, `reports` writes
it for people and CI systems.
"""
