"""The doctor examines an endpoint with a list of checks, and says what to change where a check fails.

`report` lists the checks in their order, with those that each one needs, and prints the findings without credentials. A
check is a function that takes the `Examination`, which holds what is known so far and sends the requests, and returns a
`Finding`: one of four statuses, a sentence on what was found, and a remedy. The checks are in `network`,
`known_beforehand`, `first_requests`, `served_routes` and `abilities`. `failures` explains error answers and silence.
"""
