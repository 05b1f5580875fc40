"""A proxy between the notebooks and a real endpoint: it counts usage, keeps a budget, records and replays.

`doors` are addresses on loopback, one for each notebook and deployment. Behind them `forwarding` passes each request on
to the real endpoint with the real credential (`headers`), which no notebook ever sees, or answers from a `tape`.
`usage` reads the usage of an answer as it passes, adds it up and keeps the budget.
"""
