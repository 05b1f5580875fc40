"""A proxy between the notebooks and a real endpoint: it counts usage, keeps a budget, records and replays.

A door is an address on loopback, one for each notebook and deployment (`doors`). Behind the doors, `forwarding` sends
each request to the real endpoint with the real credential, which no notebook ever sees, or answers it from
a recording (`tape`). `usage` reads the usage in each answer, adds it up and keeps the budget.
"""
