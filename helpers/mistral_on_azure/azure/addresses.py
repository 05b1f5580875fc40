"""Addresses of endpoints: their variables, their shape and their kind; and which requests a loopback listener accepts.

A page that a user visits can send requests to any port of the user's machine, and with a host name that suddenly
resolves to loopback (DNS rebinding) it could even read the answers. The headers `Origin` and `Host` show both.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from mistral_on_azure.azure.deployments import FOUNDRY, DeploymentKind, kind_of_host
from mistral_on_azure.errors import CookbookError

ENDPOINT = "AZURE_INFERENCE_ENDPOINT"
CREDENTIAL = "AZURE_INFERENCE_CREDENTIAL"
ONLY_CREDENTIAL = f"{CREDENTIAL} is set but {ENDPOINT} is not. Set both, or neither for the local endpoint."
OPENAI_ENDPOINT = "AZURE_INFERENCE_OPENAI_ENDPOINT"  # the base URL of OpenAI-compatible clients
TOKEN_SCOPE = "AZURE_INFERENCE_SCOPE"  # the scope of Microsoft Entra ID tokens
MODEL = "AZURE_INFERENCE_MODEL"  # the deployment that the programs in other languages ask
SECURE_ENDPOINT = "COOKBOOK_SECURE_ENDPOINT"  # the https address of the proxy that a run puts in front of an endpoint
ENGINE = "COOKBOOK_ENGINE"  # a real model behind the local endpoint that `connect` starts: `embedded`, or an address
ENGINE_KEY = "COOKBOOK_ENGINE_KEY"  # the key of that model
# Files of trusted certificate authorities: the variables of httpx and Python, of requests, of curl and of Node.js.
AUTHORITIES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
API_VERSION = "2024-05-01-preview"  # of the Azure AI Model Inference API
_EXAMPLE = "https://your-host-name.your-azure-region.inference.ai.azure.com"
_PLACEHOLDERS = ("your-host-name", "your-azure-region")
_PORTALS = ("ai.azure.com", "ml.azure.com", "portal.azure.com")
# What a deployment's page, a sample or a client's error shows behind the base URL; `/openai/v1` alone is no route.
_ROUTE = re.compile(
    r"((/(openai/deployments/[^/]+|openai/v1|openai|v1|models))?"
    r"/(chat/completions|completions|responses|embeddings|score|info|models|swagger\.json|openapi\.json)"
    r"|/openai/deployments/[^/]+|/openai|/v1|/models)$",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"(https?)(?:/+|:(?!\d)/?)(?=[\w[])", re.IGNORECASE)  # with a colon or a slash too few
_BEFORE = re.compile(r"[\w ]{1,60}\s*[=:]\s*(?=[\"'`<]?https?://)", re.IGNORECASE)  # a name, pasted with the address
QUOTES = "\"'`“”‘’"
_AROUND = "<>,;"  # what stands around an address in prose and in lists
_SECRET = re.compile(r"[A-Za-z0-9+=_]{20,}|eyJ[\w.-]+")  # a key or a token; an address has a dot, a slash or a hyphen
_IN_IT = re.compile(  # a key or a token as a part of an address: capitals, others and three digits, twenty in all
    r"(?=(?:[A-Za-z+=]*\d){3})(?=[a-z\d+=]*[A-Z])(?=[A-Z\d+=]*[a-z])[A-Za-z\d+=]{20,}|[0-9A-Fa-f]{32}|eyJ[\w.-]{20,}"
)
_AFTER_PATH = re.compile(
    r"[?#;&=|,\\]|%3f|%23", re.IGNORECASE
)  # the end of a path: where a query or what is like one begins
_USER = re.compile(r".*(?:@|%40|\uff20)", re.IGNORECASE | re.DOTALL)  # a user name and password; they may have slashes
_HIDDEN = "…"
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")
_PATH = re.compile(r"/(?![/\\])[^\x00- \\\x7f]*")  # no control character, space or backslash, and no second slash first


class Misshapen(CookbookError):
    """An address or a credential of the wrong shape.

    Attributes:
        why: what is wrong, a sentence.
        remedy: what to do, a sentence.
        instead: the corrected value, empty when it cannot be guessed. It may be a credential: never print it.
        right: the value with everything else corrected, too, where that can be guessed.
    """

    def __init__(self, why: str, remedy: str, instead: str = "", right: str = "") -> None:
        super().__init__(f"{why} {remedy}")
        self.why, self.remedy, self.instead, self.right = why, remedy, instead, right or instead


def check_endpoint(url: str, name: str = ENDPOINT) -> str:
    """Return an endpoint's base URL, if its address has the right shape.

    Args:
        url: scheme, host and perhaps a port, without a path. On a Foundry resource `/models` or `/openai/v1` may
            follow, and elsewhere `/openai/v1`; the base URL is without them.
        name: the variable or option that holds it, for the message.

    Raises:
        Misshapen: for any other shape, with the URL to use instead.
    """
    bare = url.strip()
    if not bare.strip(QUOTES + _AROUND):
        raise Misshapen(f"{name} is empty or not set.", f"It looks like {_EXAMPLE}")
    if url != bare:
        raise _wrong(name, "has spaces or a line break around it", bare)
    if found := _BEFORE.match(url):
        raise _wrong(name, "has something in front of the address", url[found.end() :])
    if url != (bare := url.strip(QUOTES)):
        raise _wrong(name, "has quotation marks around it", bare)
    if url != (bare := url.strip(_AROUND)):
        raise _wrong(name, "has brackets or a comma around it", bare)
    if url != (bare := "".join(character for character in url if character.isprintable() or character.isspace())):
        raise _wrong(name, "has an invisible character in it", bare)
    if _SECRET.fullmatch(url):
        raise Misshapen(f"{name} looks like a key or a token, not an address.", f"Was it meant for {CREDENTIAL}?")
    if url != (joined := "".join(url.split())):
        if any(_SECRET.fullmatch(part) or _IN_IT.search(part) for part in url.split()):
            raise _with_key(name)
        raise _wrong(name, "has a space or a line break in it", joined)
    if "://" not in url and (found := _SCHEME.match(url)):
        raise _wrong(name, f"is {shown(url)!r}, whose scheme is cut", f"{found[1]}://{url[found.end() :]}")
    if "://" not in url:
        scheme = "http" if is_loopback(urlsplit(f"//{url}").hostname or "") else "https"
        raise _wrong(name, f"is {shown(url)!r}, which has no scheme", f"{scheme}://{url.lstrip('/')}")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and parts.netloc.isascii()  # a hyphen from a text processor is none in a host's name
    except ValueError:
        usable = False
    if _USER.match(url):
        why, remedy = f"{name} holds a user name or password.", f"Put the key into {CREDENTIAL} instead."
        raise Misshapen(why, remedy, _without_user(url))
    if not usable:
        raise Misshapen(f"{name} is {shown(url)!r}, which is no web address.", f"It looks like {_EXAMPLE}")
    if parts.hostname in _PORTALS:
        raise Misshapen(f"{name} is the portal's address.", "Copy the target URI from your deployment's page there.")
    if found := _AFTER_PATH.search(url):
        raise _wrong(name, "has a query or fragment", url[: found.start()])
    if any(placeholder in parts.netloc for placeholder in _PLACEHOLDERS):
        raise Misshapen(f"{name} is the example's address.", "Set it to the target URI on your deployment's page.")
    if kind_of_host(parts.hostname) is FOUNDRY and parts.scheme == "https":
        return _resources(url, name)
    path = parts.path.rstrip("/")
    if path.lower().endswith(FOUNDRY.openai_path):
        return check_endpoint(f"{_base(url)}{path[: -len(FOUNDRY.openai_path)]}", name)
    if found := _ROUTE.search(path):
        instead = f"{_base(url)}{path[: found.start()]}"
        raise _wrong(name, f"ends in {shown(found[0])}, which is a route and not part of the endpoint", instead)
    if parts.path.endswith("/"):
        raise _wrong(name, "ends in a slash", f"{_base(url)}{path}")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        why = f"{name} is plain http, which would show your key to the network."
        raise Misshapen(why, "Use https.", f"https{url[len('http') :]}")
    if _in_host(parts.netloc) or _IN_IT.search(parts.path):
        raise _with_key(name)
    return f"{_base(url)}{parts.path}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine; not a name that only begins as such an address does."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refusal(headers: Mapping[str, str], allowed: Collection[str] = ()) -> str:
    """Why a request must not be answered, in a sentence; empty for a request that may be answered.

    Args:
        headers: the request's headers, with names in lower case, or a mapping that ignores case.
        allowed: host names that are accepted besides those of loopback, in lower case.
    """
    host = headers.get("host", "")
    if not _is_ours(host, allowed):
        return f"This address answers to names of this machine alone, not to {host[:80]!r}."
    origin = headers.get("origin")
    foreign = origin is not None and not _is_ours(origin.partition("://")[2], allowed)
    foreign = foreign or headers.get("sec-fetch-site", "") in ("cross-site", "same-site")
    return "This address is not for pages in a browser." if foreign else ""


def is_path(target: str) -> bool:
    """Whether a request line's target is a plain path, perhaps with a query: it names no scheme, host or user."""
    return bool(_PATH.fullmatch(target))


def label_of(url: str) -> str:
    """A name for an endpoint in reports: derived from the address, which it does not reveal."""
    return f"endpoint {hashlib.sha256(url.encode()).hexdigest()[:8]}"


def shown(url: str) -> str:
    """An address as a message may show it, without what may be a credential: user, query, and what looks like a key."""
    scheme, separator, rest = _without_user(url).rpartition("://")
    rest = _AFTER_PATH.split(rest)[0]
    host, slash, path = rest.partition("/")
    if _IN_IT.search(scheme) or _in_host(host):
        return _HIDDEN
    if _IN_IT.search(path.replace("/", "")):
        path = _HIDDEN
    return f"{scheme}{separator}{host}{slash}{path}"


def variables_of(base: str, kind: DeploymentKind) -> dict[str, str]:
    """The environment variables by which a kind's clients find an endpoint, without its credential.

    Args:
        base: the endpoint's address without a route, as `check_endpoint` returns it.
    """
    return {ENDPOINT: base + kind.azure_path, OPENAI_ENDPOINT: base + kind.openai_path, TOKEN_SCOPE: kind.scope}


def endpoint_in_variables(kind: DeploymentKind | None = None) -> tuple[str, DeploymentKind | None]:
    """The address in AZURE_INFERENCE_ENDPOINT without a route, and its kind; None where the address may be of any kind.

    Where AZURE_INFERENCE_OPENAI_ENDPOINT is the same host's `/openai/v1`, the kind is a Foundry resource.

    Args:
        kind: the kind, where it is known from elsewhere.

    Raises:
        Misshapen: when it is not an endpoint's address.
    """
    url = os.environ.get(ENDPOINT, "")
    base = url.removesuffix(FOUNDRY.azure_path)
    paired = bool(base) and os.environ.get(OPENAI_ENDPOINT) == base + FOUNDRY.openai_path
    if kind is FOUNDRY or (kind is None and paired):
        return check_endpoint(base), FOUNDRY
    return check_endpoint(url), kind or kind_in(url)


def kind_in(url: str) -> DeploymentKind | None:
    """The kind that an address has by its host name, or by a path of one kind only; None where it may be any."""
    try:
        parts = urlsplit(url.strip().strip(QUOTES))
        host = parts.hostname or ""
    except ValueError:
        return None
    of_resource = parts.path.rstrip("/").lower().endswith(FOUNDRY.openai_path)
    return kind_of_host(host) or (FOUNDRY if of_resource else None)


def _is_ours(authority: str, allowed: Collection[str]) -> bool:
    found = _AUTHORITY.fullmatch(authority)
    if not found:
        return False
    name = (found[1] or found[2]).lower().rstrip(".")
    return is_loopback(name) or name.endswith(".localhost") or name in allowed


def _resources(url: str, name: str) -> str:
    """The base URL in an address of a Foundry resource, which the portal gives with and without its routes.

    Raises:
        Misshapen: for a project's address, or a route.
    """
    parts, base = urlsplit(url), _base(url)
    path = parts.path.rstrip("/")
    if path.lower() in ("", FOUNDRY.azure_path, FOUNDRY.openai_path):
        return base
    if path.startswith("/api/projects"):
        why = f"{name} is a project's address (/api/projects/…), and models are called at its resource"
        raise Misshapen(f"{why}.", f"Set it to {base}{FOUNDRY.azure_path}", f"{base}{FOUNDRY.azure_path}")
    raise _wrong(name, f"ends in {shown(path)}, which is a route and not part of the endpoint", base)


def _wrong(name: str, why: str, instead: str) -> Misshapen:
    """The error for one fault of an address. Its remedy names the address without any of its faults, where it can."""
    try:
        right = check_endpoint(instead, name)
    except Misshapen as error:
        right = error.right or instead
    return Misshapen(f"{name} {why}.", f"Set it to {shown(right).rstrip('/')}", instead, right)


def _with_key(name: str) -> Misshapen:
    """The error for an address in which something looks like a key. The message does not have the address."""
    return Misshapen(f"{name} holds what looks like a key or a token.", f"Put that into {CREDENTIAL} instead.")


def _in_host(host: str) -> bool:
    """Whether a host or its port looks like a key. A host with dots does not: it is a name of DNS, however long."""
    name, _, port = host.partition(":")
    return bool(_IN_IT.search(port) or ("." not in name.strip(".") and _IN_IT.search(name)))


def _without_user(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    return f"{scheme}{separator}{_USER.sub('', rest)}"


def _base(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"
