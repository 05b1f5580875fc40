"""Executing notebooks side by side.

`run_command` is `cookbook run`. `plans` has its options, and chooses the `jobs` and one of the `targets`. `worker` and
`papermilling` execute one notebook, `pool` all of them. `results` holds the state of each job and shows it live,
`history` has the usage of its last success. `record` keeps a run as JSON, `reports` writes it for people and for CI.
"""
