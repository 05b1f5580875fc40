"""HTTP/1.1 over asyncio: bytes become requests (`reader`), answers become bytes (`writer`).

A `connection` is one client, and a `listener` knows what all of them share, and who may call. `exchange` and `contents`
are what the other rooms see of a request and its answer.
"""
