"""The local endpoint: a managed Mistral deployment's protocol, served on loopback.

A request travels through these rooms: `transport/` (bytes to requests and back), `routes` (which handler), `sessions`,
`authentication` and `identity` (who asks), `chat` (faults, quota, timing), `parameters`, `rules`, `messages` and
`mistral_rules` (is it valid), `content_filter` and `safe_prompt` (what stands in front of the model), `answers` and
`tokens` (what to say, exactly counted), `tool_calling/` (which tools to call), `completions` and `streaming` (how it is
written), `journal` (what the wire view shows). `engines/` puts a real language model in the script's place, `openapi/`
describes all that is served. `server` and `options` are where it starts.
"""
