"""Tool calling of the script: tool calls whose arguments fit the tools' schemas, for requests that no exchange matches.

`tool_choice` chooses the tools to call. `arguments` takes `values` for the parameters from the conversation or, where a
call is forced, plain ones that fit the schema. `tool_schemas` and `patterns` process the client's schemas and regular
expressions within a budget of `Steps`.
"""
