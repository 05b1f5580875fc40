"""The local endpoint: a managed Mistral deployment's protocol, served on loopback.

A request travels through these rooms: `transport/` (bytes to requests and back), `routes` (which handler), `sessions`,
`authentication` and `identity` (who asks), `chat` (faults, quota, timing), `parameters` and `messages` (is it valid),
`answers` and `tokens` (what to say, exactly counted), `tool_calling/` (which tools to call), `completions` or `streaming`
(how it is written), `journal` (what the wire view shows). `engines/` puts a real language model in the script's place.
`server` and `options` are where it starts.
"""
