"""Microsoft Entra ID: tokens that are right, every way they can be wrong, and the real credential refreshing them."""

from __future__ import annotations

import base64
import hmac
import json
import time

import jwt
import pytest
from asking import Clock
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mistral_on_azure.azure import http
from mistral_on_azure.azure.deployments import SERVERLESS
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.gateway.token_service import TokenService
from mistral_on_azure.endpoint.local.sessions import Sessions
from mistral_on_azure.endpoint.transport.exchange import Request, fields

KEY, AUDIENCE = "k" * 32, SERVERLESS.audience
FOREIGN = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def clock() -> Clock:
    return Clock(float(int(time.time())))


@pytest.fixture
def application(clock: Clock) -> Application:
    return Application(Sessions([KEY]), tokens=TokenService(300, clock))


def issue(application: Application, resource: str = AUDIENCE, **claims: object) -> str:
    """A token of this application; `claims` are changed and signed with its own key."""
    session = application.sessions.of_key(KEY)
    token = application.tokens.issue(session.object_id, resource)["access_token"]
    return sign({**jwt.decode(token, options={"verify_signature": False}), **claims}, application.tokens._key)


def sign(claims: dict, key: object, algorithm: str = "RS256") -> str:
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm=algorithm)


def info(application: Application, token: str):
    return application.answer(Request("GET", "/info", "", {"authorization": f"Bearer {token}"}))


def refused(application: Application, token: str) -> str:
    """The message of a 401, which every header and member must agree on."""
    answer = info(application, token)
    body, headers = json.loads(answer.body), fields(answer.headers)
    assert (answer.status, body["code"], headers["x-ms-error-code"]) == (401, "invalid_token", "invalid_token")
    assert headers["www-authenticate"] == f'Bearer error="invalid_token", error_description="{body["message"]}"'
    assert "\n" not in headers["www-authenticate"]
    return body["message"]


@pytest.mark.parametrize("resource", [AUDIENCE, f"{AUDIENCE}/", f"{AUDIENCE}/.default"])
def test_a_token_opens_the_endpoint_until_it_expires(application, clock, resource):
    token = issue(application, resource)
    for _ in range(2):
        assert info(application, token).status == 200
    clock.now += 299
    assert info(application, token).status == 200
    clock.now += 61
    assert refused(application, token).startswith("The token expired 60 s ago. Ask the credential for a new one")


def test_another_audience(application):
    said = refused(application, issue(application, "https://management.azure.com"))
    assert "another audience, https://management.azure.com. Ask for the scope https://ml.azure.com/.default" in said


def test_a_foreign_token(application):
    """As of another directory, of another endpoint, or made up: whatever it claims, the signature decides."""
    claims = jwt.decode(issue(application), options={"verify_signature": False})
    said = refused(application, sign(claims, FOREIGN))
    assert "not issued by the directory that this endpoint trusts" in said
    assert said == refused(application, sign({**claims, "exp": 1}, FOREIGN))
    assert said == refused(application, issue(application, iss="https://sts.windows.net/another/"))
    nothing_issued_yet = Application(Sessions([KEY]))
    assert said == refused(nothing_issued_yet, sign(claims, FOREIGN))
    assert nothing_issued_yet.tokens._key is None  # no key was made for somebody without one


def test_tampering(application):
    head, claims, signature = issue(application).split(".")
    other = json.loads(base64.urlsafe_b64decode(claims + "=="))
    other["exp"] += 10_000
    forged, none = _encoded(json.dumps(other).encode()), _encoded(b'{"alg":"none","typ":"JWT"}')
    for token in (
        _signed_with_what_is_public(application, other),
        f"{head}.{forged}.{signature}",
        f"{none}.{claims}.",
        sign(other, "a secret of thirty-two characters", "HS256"),
        "ey.ey.ey",
        f"ey{'a' * 20_000}.a.a",
        f"{head}.{claims}.",
    ):
        refused(application, token)


def _signed_with_what_is_public(application: Application, claims: dict) -> str:
    """A token whose head says HMAC, with the public key for a secret: a check that believes the head takes it."""
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    public = application.tokens._key.public_key().public_bytes(*form)
    parts = [_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    return ".".join([*parts, _encoded(hmac.digest(public, ".".join(parts).encode(), "sha256"))])


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("claim", ["exp", "nbf", "aud", "oid"])
@pytest.mark.parametrize("value", [None, ["x"], 1.5])
def test_a_claim_that_is_missing_or_of_the_wrong_kind(application, claim, value):
    assert "cannot be read" in refused(application, issue(application, **{claim: value}))


def test_not_valid_yet(application, clock):
    assert "not valid yet" in refused(application, issue(application, nbf=int(clock.now) + 60))


def test_an_identity_this_endpoint_does_not_know(application):
    answer = info(application, issue(application, oid="somebody else"))
    assert answer.status == 401
    assert b"identity is not known" in answer.body


def test_the_token_service_wants_its_secret_and_an_audience(application):
    secret = application.sessions.of_key(KEY).identity_secret
    route = "/local/identity/token"

    def ask(query: str, given: str):
        return application.answer(Request("GET", route, query, {"x-identity-header": given}))

    assert ask(f"resource={AUDIENCE}", secret).status == 200
    assert ask(f"resource={AUDIENCE}", "wrong").status == 401
    assert ask(f"resource={AUDIENCE}", KEY).status == 401
    for query in ("", "resource=", "resource=a%0D%0Ab:c", "resource=%22", f"resource={'a' * 300}"):
        assert ask(query, secret).status == 400


def test_what_is_remembered_is_bounded(application, monkeypatch):
    monkeypatch.setattr("mistral_on_azure.endpoint.gateway.token_service._REMEMBERED", 3)
    tokens = [issue(application) for _ in range(5)]
    assert [info(application, token).status for token in tokens * 2] == [200] * 10
    assert len(application.tokens._checked) == 3
    assert not any(token.encode() in digest for digest in application.tokens._checked for token in tokens)


def test_a_bad_resource_never_reaches_a_header():
    with pytest.raises(ApiError):
        from mistral_on_azure.endpoint.gateway.token_service import resource_of

        resource_of({"resource": "a\r\nset-cookie: b"})


@pytest.mark.parametrize(("lifetime", "asks"), [(30, 3), (290, 3), (400, 1), (3_600, 1)])
def test_the_real_credential_refreshes_short_lived_tokens(local, monkeypatch, lifetime, asks):
    """It keeps a token until five minutes before its end, so one that lives for less is never kept."""
    from azure.identity import DefaultAzureCredential

    for name, value in local.identity(token_lifetime=lifetime).items():
        monkeypatch.setenv(name, value)
    credential = DefaultAzureCredential(process_timeout=60)
    tokens = [credential.get_token(f"{AUDIENCE}/.default") for _ in range(3)]
    assert len({token.token for token in tokens}) == asks
    assert abs(tokens[0].expires_on - time.time() - lifetime) < 5
    # Tokens do not travel over plain http: the credential's is tried by hand.
    assert http.request("GET", f"{local.url}/info", tokens[0].token).status == 200


def test_an_expired_token_over_the_wire(local):
    token = local.token(token_lifetime=1)
    deadline = time.monotonic() + 10
    while (answer := http.request("GET", f"{local.url}/info", token)).status == 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert answer.status == 401
    assert "The token expired" in answer.message


@pytest.mark.parametrize(
    "wanted", [{"token_lifetime": 0}, {"token_lifetime": "1"}, {"colour": 1}, {"deployment": ["x"]}]
)
def test_what_a_session_cannot_be(local, wanted):
    assert http.request("POST", f"{local.url}/local/session", local.key, wanted).status in (400, 404)
