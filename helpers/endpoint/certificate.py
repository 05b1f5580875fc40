"""A certificate for the https listener, made at start by a private authority that lives as long as the server."""

from __future__ import annotations

import ssl
from pathlib import Path


def make(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make an authority and a certificate for loopback.

    Args:
        folder: a private folder, where the list of trusted authorities is written and, for a moment, the key.

    Returns:
        The server's TLS context, and the file a client trusts: the public authorities and this one.
    """
    import certifi
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = authority.issue_cert("127.0.0.1", "localhost", "::1")
    with issued.private_key_and_cert_chain_pem.tempfile(dir=str(folder)) as path:  # ssl reads nothing but files
        context.load_cert_chain(path)
    trusted = folder / "authorities.pem"
    trusted.touch(mode=0o600)
    trusted.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
    return context, trusted
