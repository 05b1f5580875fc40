"""HTTP/1.1 over asyncio: `reader` parses bytes into requests, and `writer` writes answers as bytes.

`connection` has the protocol of one client connection; `listener` has the state that all connections share, and the
check of hosts and origins. `exchange` has the classes of requests and answers, `contents` parses a request's body.
"""
