"""The local endpoint: an HTTP server on loopback that answers requests as a Mistral deployment on Azure does.

A request passes these folders in the order of Azure's own layers:

1. `transport/` parses bytes into requests and writes responses as bytes. `application` then looks the route up.
2. `gateway/` checks the credential and the quota. The kind of deployment (see `gateway/kinds.py`) decides which paths
   exist, which credentials are accepted, how much quota there is, and what an error response looks like.
3. `serving/` is the API in front of the model: its handlers check parameters and apply faults and timing.
4. `models/` generates the completion, with the script or with a real engine. Each of them reads messages and tools
   itself.

`local/` has what Azure does not have: faults, timing, and sessions with a journal of exchanges. `openapi/` describes
the routes. `service` holds the objects that every handler needs, `fields` defines and checks the fields of requests,
`fault` lists those of a fault, `api_errors` has the exception for an error response, and `bounds` limits the time of
requests and the size of caches. `server`, `options`, `server_process` and `starting` start the endpoint.

A file imports only from its own folder and from those to its right: `starting`, `server_process`, `server`,
`application`, `openapi`, `serving`, `service`, `local`, `models`, `options`, `gateway`, `transport`, `fault`, `fields`,
`bounds`, `api_errors`.
"""

NAME = "cookbook-local-endpoint"  # the `server` header of every response; Azure sends another one
KEYS, OPTIONS = "COOKBOOK_LOCAL_KEYS", "COOKBOOK_LOCAL_OPTIONS"  # environment variables that `starting` sets
KEPT = 64  # exchanges that the journal of a key keeps by default
