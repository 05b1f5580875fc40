"""HTTP/1.1 over asyncio: bytes become requests (`reader`), answers become bytes (`head`, `framing`, `stream`, `live`).

A `connection` is one client; the `house` is what all of them share.
"""
