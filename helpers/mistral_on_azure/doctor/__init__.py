"""The doctor examines an endpoint with a list of checks, and says what to change where a check fails.

`report` lists the checks in their order, with those that each one needs, and prints the findings without credentials. A
check is a function that takes the `Examination` (what is known so far) and returns a `Finding`. The checks are in
`known_beforehand`, `network`, `first_requests`, `identity`, `served_routes` and `abilities`. `calling` sends the
requests, and `failures` explains error answers and missing answers.
"""
