"""Tool calling, for the script that stands in for Mixtral-8x22B.

`deciding` picks the calls among the `offered_tools`; `arguments` fills them with the `literals` of the conversation or,
where a call is forced, with `plain_values` that fit the schema. `tool_schemas` and `patterns` read what the client sent
within a number of `Steps`.
"""
