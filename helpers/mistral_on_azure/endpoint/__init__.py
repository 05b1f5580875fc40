"""The local endpoint: a Mistral deployment's protocol, served on loopback.

A request passes these rooms, as it passes the layers on Azure:

1. `transport/`: bytes become requests, and answers become bytes. `application` finds the route, in `routes`.
2. `gateway/`: who may come in and how much. A kind of deployment (see `gateway/kinds.py`) decides addresses,
   credentials, quota, and which answer an error becomes.
3. `serving/`: the API in front of the model. Its handlers check parameters and apply faults and pace.
4. `models/`: what answers. The script and the real engines stand side by side; each reads messages and tools itself.

`local/` has what Azure does not have (faults, pace, sessions with their journal), `openapi/` describes the routes,
`service` is what the handlers work on, `fields` says what a field may be, `api_errors` how any room refuses, and
`bounds` keeps long work off the event loop and caches small.
`server`, `options`, `making`, `starting` and `__main__` start it. Imports run from later to earlier in this list:
`application`, `routes`, `openapi`, `serving`, `service`, `local`, `models`, `gateway`, `transport`, `fields`,
`api_errors`.
"""

NAME = "cookbook-local-endpoint"  # sent as `server`, which is how a client can tell that it is not on Azure
KEYS, OPTIONS = "COOKBOOK_LOCAL_KEYS", "COOKBOOK_LOCAL_OPTIONS"  # variables by which a parent process tells its wishes
KEPT = 64  # exchanges of a key that can be looked at, unless another number is chosen
