"""The proxy variables: whether requests to the endpoint go through a proxy, and whether they should."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, fails, note, ok
from helpers.urls import is_loopback


def proxy(e: Examination) -> Finding:
    """Whether HTTPS_PROXY and its relatives apply to this endpoint."""
    proxies = getproxies()
    scheme = "https" if e.secure else "http"
    url = proxies.get(scheme) or proxies.get("all") or ""
    if not url:
        return ok("no proxy variables apply")
    url = url if "://" in url else f"http://{url}"
    shown = _without_password(url)
    if proxy_bypass(e.host):
        return ok(f"requests go around the proxy {shown}, as NO_PROXY says")
    if is_loopback(e.host):
        found = f"Requests to this machine would go to the proxy {shown}."
        remedy = "Add to NO_PROXY: 127.0.0.1,localhost (the checks below go around the proxy)."
        return fails(found, remedy, goes_on=True)
    if not url.startswith(("http://", "https://")):
        return fails(
            f"{shown} is no proxy for HTTP, and not every client can use another kind.",
            f"Set {scheme.upper()}_PROXY to an http:// proxy, or add {e.host} to NO_PROXY.",
        )
    e.proxy = url
    return note(f"requests go through the proxy {shown}", f"If {e.host} can be reached directly, add it to NO_PROXY.")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
