"""Tool calling as Mixtral-8x22B does it.

`deciding` picks the calls, from the tools of a request (`toolbox`); `arguments` fills them with what was `said` (found
by `mentions` and their `stems`), or `made_up` where nothing was; `turns` reads conversations that hold calls and their
results.
"""
