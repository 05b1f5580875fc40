"""The local endpoint: a managed Mistral deployment's protocol, served on loopback.

A request travels through these rooms:

- `listening`, `server`, `house` and `limits`: who is let in; `folder` and `certificate`: https
- `connection` (one client), `reader` (bytes to requests), `ending` (those that take too long)
- `routes` (which handler), `asked` (what it reads), `authentication`, `identity` and `sessions` (who asks)
- `chat`: a completion's way through `faults`, `parameters` and `messages` (is it valid), `answers`, `tokens` and
  `tools` (what to say, exactly counted), `quota` (is there enough left), `completions` or `streaming` (how it is
  written), `timing` (when), `damage` (what a fault does to it)
- `journal` (what the wire view shows), `head` and `framing` (answers to bytes), `stream` (over time)

`local` has the endpoint's own routes, `options` what can be chosen at start, `real_model` what to put in the script's
place.
"""
