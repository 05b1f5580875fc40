"""The local endpoint: a managed Mistral deployment's protocol, served on loopback.

A request travels through these rooms: `transport/` (bytes to requests and back), `application` and `routes` (which
handler), `sessions`, `authentication` and `identity` (who asks), `chat` (faults, quota, timing), `parameters`, `rules`,
`messages` and `mistral_rules` (is it valid), `content_filter` and `safe_prompt` (what stands in front of the model),
`script`, `sampling` and `answers` (what to say), `tokens` and `counting` (exactly counted), `tool_calling/` (which
tools to call), `completions` and `streaming` (how it is written), `journal` (what the wire view shows). `deployed` and
`local` answer the other routes. `engines/` puts a real language model in the script's place, `openapi/` describes all
that is served. `server` and `options` are where it starts.
"""

NAME = "cookbook-local-endpoint"  # sent as `server`, which is how a client can tell that it is not on Azure
KEYS, OPTIONS = "COOKBOOK_LOCAL_KEYS", "COOKBOOK_LOCAL_OPTIONS"  # variables by which a parent process tells its wishes
