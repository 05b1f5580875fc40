"""The doctor: finds out what is at an endpoint, and says what to change where something is wrong.

`checks` lists the checks in their order, and which of them wait for which. Each is a small function in a room named
after what it looks at; it takes the `examination`, which holds what is known so far, and returns a finding of
`findings`. `calling` sends the requests, `refusals` explains the answers that are errors, `silence` the answers that
do not come. `report` collects the findings and keeps credentials out of them, `table` prints them, `command` puts it
together for the command line.
"""
