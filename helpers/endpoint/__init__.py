"""The local endpoint: a managed Mistral deployment's protocol, served on loopback.

A request travels through these rooms: `connection` (bytes to requests), `routes` (which handler), `sessions` and
`authentication` (who asks), `parameters` and `messages` (is it valid), `answers` and `tokens` (what to say, exactly
counted), `completions` or `streaming` (how it is written), `journal` (what the wire view shows).
"""
