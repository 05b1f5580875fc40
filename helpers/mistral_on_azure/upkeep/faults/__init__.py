"""The clients and the faults of the local endpoint: measured, kept, shown.

`cookbook faults` measures what each client does about each fault and writes two files beside the endpoint:
`clients_and_faults.json`, the measurements, and `CLIENTS_AND_FAULTS.md`, a page made from nothing but these.

Read the modules in this order: `cases` (the faults), `calls` (the clients, as their user would write them), `measuring`
(one call that meets one fault), `waits` and `wording` (what is kept of it), `running` (all of them side by side),
`keeping` (the file, and whether it is still true), `page` (the Markdown).
"""
