"""HTTP/1.1 over asyncio: bytes become requests (`reader`), answers become bytes (`writer`).

A `connection` is one client. `exchange` and `contents` are what the other rooms see of a request and its answer.
"""
