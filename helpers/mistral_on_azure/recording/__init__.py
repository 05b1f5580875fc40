"""Between the notebooks and an endpoint that is not ours: counting, keeping a budget, recording, replaying.

`doors` are the addresses that notebooks get, one a job, on loopback. Behind them `forwarding` passes each request on to
the real endpoint, with the real credential that no notebook ever sees; or `replaying` answers from a `tape`.
`target` puts it together for the runner.
"""
