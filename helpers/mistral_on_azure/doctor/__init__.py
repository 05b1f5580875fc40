"""The doctor finds out what is at an endpoint, and names what to change where a check fails.

`checks` lists the checks in their order, with those that each one needs. A check is a function that takes the
`examination` (what is known so far) and returns a finding. The checks are in `variables`, `network`, `tls`, `access`,
`identity`, `served_routes`, `abilities`, `chat_requests` and
`concurrency`. `calling` sends the requests, `failures` explains error
answers and missing answers, and `report` prints the findings without credentials.
"""
