"""Sign-in by an identity provider: a small one made here, honest first, then with every answer that must not pass."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from httpx import Response
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from tests.web_samples import Visitor, words

from liverboard.registry.accounts import change_account, create_account
from liverboard.registry.permissions import CONSOLE
from liverboard.web import openid
from liverboard.web.site import OpenId, Site

OURS = OpenId("https://login.example", "board", "a secret of the provider")
KEY = RSAKey.generate_key(2048, {"kid": "k1"})


@dataclass
class Provider:
    """`says`: what its next token says otherwise than it should; `as_found`: what it says of itself otherwise."""

    says: dict[str, Any] = field(default_factory=dict)
    as_found: dict[str, Any] = field(default_factory=dict)
    signed_by: Any = field(default_factory=lambda: KEY)
    algorithm: str = "RS256"
    begun: dict[str, dict[str, str]] = field(default_factory=dict)

    def sign_in(self, address: str) -> dict[str, str]:
        """What a person does there: gives the answer that their browser brings back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", "board", "S256")
        assert "openid" in asked["scope"]
        assert asked["redirect_uri"] == "http://testserver/sign-in/openid/back"
        code = f"code-{len(self.begun)}"
        self.begun[code] = asked
        return {"code": code, "state": asked["state"]}

    def answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, Any]]:
        path = urlsplit(request.url or "").path
        if path == "/.well-known/openid-configuration":
            base = OURS.issuer
            found = {"issuer": base, "authorization_endpoint": f"{base}/a", "token_endpoint": f"{base}/t", "jwks_uri": f"{base}/k"}  # fmt: skip
            return 200, {**found, **self.as_found}
        if path == "/k":
            return 200, {"keys": [KEY.as_dict(private=False)]}
        form = {name: values[0] for name, values in parse_qs(str(request.body)).items()}
        asked = self.begun.pop(form["code"], None)
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        )
        right = base64.b64encode(f"{OURS.client_id}:{OURS.client_secret}".encode()).decode()
        if (
            asked is None
            or challenge != asked["code_challenge"]
            or request.headers.get("authorization") != f"Basic {right}"
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": OURS.issuer, "sub": "nora-1", "aud": "board", "iat": now, "exp": now + 300, "nonce": asked["nonce"]}  # fmt: skip
        claims = {name: value for name, value in {**claims, **self.says}.items() if value is not None}
        token = jwt.encode({"alg": self.algorithm, "kid": "k1"}, claims, self.signed_by, algorithms=[self.algorithm])
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": token}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    made = Provider()
    plain = openid.provider_client

    def client(ours: OpenId, back: str) -> Any:
        session = plain(ours, back)
        session.mount("https://", _Wire(made))
        return session

    monkeypatch.setattr(openid, "provider_client", client)
    return made


class _Wire(requests.adapters.BaseAdapter):
    """Leads to the provider instead of the network."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self.provider = provider

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        status, document = self.provider.answer(request)
        response = requests.Response()
        response.status_code, response._content = status, json.dumps(document).encode()
        response.headers["content-type"] = "application/json"
        response.request, response.url = request, request.url or ""
        return response

    def close(self) -> None: ...


@pytest.fixture
def hospital(site: Site) -> Iterator[Site]:
    with site.store.transaction(CONSOLE) as tx:
        create_account(tx, "nora", "editor", "lyon", oidc_subject=f"{OURS.issuer}|nora-1")
    yield replace(site, openid=OURS)


@pytest.fixture
def browser(hospital: Site) -> Visitor:
    return Visitor(hospital, None)


def go(browser: Visitor, provider: Provider, **otherwise: str) -> Response:
    address = browser.get("/sign-in/openid").headers["location"]
    assert address.startswith(f"{OURS.issuer}/a?")
    return browser.get("/sign-in/openid/back", params={**provider.sign_in(address), **otherwise})


def test_who_the_provider_vouches_for_is_signed_in(browser: Visitor, provider: Provider) -> None:
    response = go(browser, provider)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert "openid" not in browser.client.cookies
    assert "nora" in browser.get("/account").text


def test_the_provider_sends_people_back_to_the_address_of_the_site(hospital: Site, provider: Provider) -> None:
    """Never to the name that the browser sent: the code of the sign-in would go there."""
    away = Visitor(hospital, None)
    begun = away.get("/sign-in/openid", headers={"host": "evil.example", "x-forwarded-host": "evil.example"})
    assert "evil" not in begun.headers["location"]
    behind_a_proxy = Visitor(replace(hospital, address="https://board.hospital.example"), None)
    asked = parse_qs(urlsplit(behind_a_proxy.get("/sign-in/openid").headers["location"]).query)
    assert asked["redirect_uri"] == ["https://board.hospital.example/sign-in/openid/back"]


@pytest.mark.parametrize(
    "says",
    [
        {"iss": "https://other.example"},
        {"aud": "another client"},
        {"aud": ["board", "another"]},
        {"azp": "another"},
        {"exp": 1},
        {"iat": int(time.time()) + 3600},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
        {"sub": ""},
        {"sub": ["nora-1"]},
        {"sub": "somebody without an account"},
        {"exp": None},
    ],
)
def test_a_token_that_does_not_hold_signs_nobody_in(browser: Visitor, provider: Provider, says: dict[str, Any]) -> None:
    provider.says = says
    response = go(browser, provider)
    assert response.status_code == 401
    assert "session" not in browser.client.cookies
    assert browser.get("/account").status_code == 303


def test_a_token_signed_by_another_or_by_a_shared_secret_signs_nobody_in(browser: Visitor, provider: Provider) -> None:
    provider.signed_by = RSAKey.generate_key(2048, {"kid": "k1"})
    assert go(browser, provider).status_code == 401
    provider.signed_by, provider.algorithm = OctKey.import_key(OURS.client_secret.ljust(32)), "HS256"
    assert go(browser, provider).status_code == 401


def test_a_token_without_a_signature_signs_nobody_in(browser: Visitor, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    def plain(header: dict[str, str], claims: dict[str, Any], *_: Any, **__: Any) -> str:
        parts = ({"alg": "none"}, claims)
        return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."

    monkeypatch.setattr(jwt, "encode", plain)
    assert go(browser, provider).status_code == 401


def test_an_answer_to_another_browser_or_twice_signs_nobody_in(hospital: Site, browser: Visitor, provider: Provider) -> None:  # fmt: skip
    answer = provider.sign_in(browser.get("/sign-in/openid").headers["location"])
    other = Visitor(hospital, None)
    assert other.get("/sign-in/openid/back", params=answer).status_code == 401
    other.get("/sign-in/openid")
    assert other.get("/sign-in/openid/back", params=answer).status_code == 401
    assert browser.get("/sign-in/openid/back", params=answer).status_code == 303
    assert Visitor(hospital, None).get("/sign-in/openid/back", params=answer).status_code == 401
    assert go(browser, provider, code="another").status_code == 401
    assert go(browser, provider, state="é").status_code == 401


def test_a_closed_account_stays_closed(hospital: Site, browser: Visitor, provider: Provider) -> None:
    with hospital.store.transaction(CONSOLE) as tx:
        change_account(tx, "nora", active=False)
    assert go(browser, provider).status_code == 401


@pytest.mark.parametrize("as_found", [{"issuer": "https://other.example"}, {"token_endpoint": "http://login.example/t"}, {"jwks_uri": None}])  # fmt: skip
def test_a_provider_that_is_another_is_not_used(browser: Visitor, provider: Provider, as_found: dict[str, Any]) -> None:
    provider.as_found = as_found
    response = browser.get("/sign-in/openid")
    assert response.status_code == 422
    assert "does not fit" in words(response)


def test_a_provider_that_does_not_answer_is_said(browser: Visitor, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    def silent(_: requests.PreparedRequest) -> tuple[int, dict[str, Any]]:
        raise requests.ConnectTimeout

    monkeypatch.setattr(provider, "answer", silent)
    assert "does not answer" in words(browser.get("/sign-in/openid"))


def test_without_a_provider_there_is_no_such_door(site: Site) -> None:
    visitor = Visitor(site, None)
    assert visitor.get("/sign-in/openid").status_code == 422
    assert "/sign-in/openid" not in visitor.get("/sign-in").text
    assert "/sign-in/openid" in Visitor(replace(site, openid=OURS), None).get("/sign-in").text
