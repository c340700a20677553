"""Sign-in by a hospital's identity provider: OpenID Connect, authorisation code with PKCE. It vouches for who somebody is; roles and centres stay with our accounts.

Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; RFC 7636.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations import requests_client as untyped_client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from liverboard.errors import MissingData
from liverboard.registry.accounts import NotLoggedIn
from liverboard.web.site import OpenId

Client = Any  # Authlib's OAuth2Session, a requests.Session that carries no types
_ALGORITHMS: Final = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
]  # none without a key pair
_SKEW_S: Final = 60  # that two clocks may differ
_TIMEOUT_S: Final = 10
_AGAIN: Final = "Try again; if it stays so, tell the administrator."


@dataclass(frozen=True, slots=True)
class Asked:
    """What one sign-in began with; it waits in a cookie of the browser that asked, so that no other can finish it."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def fresh(cls) -> Asked:
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @classmethod
    def of(cls, cookie: str) -> Asked | None:
        parts = cookie.split(".")
        return cls(*parts) if len(parts) == 3 and all(len(part) >= 32 for part in parts) else None

    @property
    def cookie(self) -> str:
        return f"{self.state}.{self.nonce}.{self.verifier}"


def provider_client(openid: OpenId, back: str) -> Client:
    """The client of the provider; `back`: the address that it sends the browser to."""
    made: Any = untyped_client
    return made.OAuth2Session(
        openid.client_id,
        openid.client_secret or None,
        token_endpoint_auth_method="client_secret_basic" if openid.client_secret else "none",
        redirect_uri=back,
        scope="openid",
        code_challenge_method="S256",
        default_timeout=_TIMEOUT_S,
    )


def where_to(openid: OpenId, back: str, asked: Asked) -> str:
    """The address at the provider that a sign-in begins with. Raises MissingData when the provider does not answer as one."""
    with provider_client(openid, back) as client:
        found = _discovered(client, openid)
        address, _ = client.create_authorization_url(
            found["authorization_endpoint"], state=asked.state, nonce=asked.nonce, code_verifier=asked.verifier
        )
        return address


def who_came_back(openid: OpenId, back: str, asked: Asked | None, answer: dict[str, str]) -> str:
    """`issuer|subject` of who signed in there. `answer`: what the provider put into the address.

    Raises NotLoggedIn when the answer belongs to another sign-in, or its token does not hold; MissingData when the provider does not answer as one.
    """
    state = answer.get("state", "")
    if asked is None or not hmac.compare_digest(state.encode(), asked.state.encode()):
        raise NotLoggedIn("this sign-in was not begun here, or too long ago", hint="Begin again.")
    if "code" not in answer:
        raise NotLoggedIn("the identity provider refused the sign-in", hint=_AGAIN)
    with provider_client(openid, back) as client:
        found = _discovered(client, openid)
        try:
            tokens: Any = client.fetch_token(found["token_endpoint"], code=answer["code"], code_verifier=asked.verifier)
            keys = KeySet.import_key_set(cast("Any", _json(client, found["jwks_uri"])))
            claims: dict[str, Any] = jwt.decode(str(tokens["id_token"]), keys, algorithms=_ALGORITHMS).claims
            _check(claims, openid, asked)
        except requests.RequestException:
            raise _silent() from None
        except (AuthlibBaseError, JoseError, KeyError, TypeError, ValueError):
            raise NotLoggedIn("the identity provider's answer does not hold", hint=_AGAIN) from None
    return f"{openid.issuer}|{claims['sub']}"


def _check(claims: dict[str, Any], openid: OpenId, asked: Asked) -> None:
    """Core 1.0, 3.1.3.7: issuer, audience, authorised party, time and nonce. Raises JoseError, KeyError, ValueError."""
    jwt.JWTClaimsRegistry(
        leeway=_SKEW_S,
        iss={"essential": True, "value": openid.issuer},
        sub={"essential": True},
        aud={"essential": True, "value": openid.client_id},
        exp={"essential": True},
        iat={"essential": True},
    ).validate(claims)
    aud: Any = claims["aud"]
    several = isinstance(aud, list) and len(cast("list[Any]", aud)) > 1
    if (several or "azp" in claims) and claims.get("azp") != openid.client_id:
        raise ValueError("azp")
    if not isinstance(claims["sub"], str) or not 1 <= len(claims["sub"]) <= 200:
        raise ValueError("sub")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), asked.nonce.encode()):
        raise ValueError("nonce")
    if float(claims["iat"]) > time.time() + _SKEW_S:
        raise ValueError("iat")


def _discovered(client: Client, openid: OpenId) -> dict[str, Any]:
    found = _json(client, openid.issuer.rstrip("/") + "/.well-known/openid-configuration")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if found.get("issuer") != openid.issuer or not all(_safe(str(found.get(name, ""))) for name in names):
        raise MissingData(
            "what the identity provider says of itself does not fit", where="LIVERBOARD_OPENID_ISSUER", hint="Expected the issuer exactly as the provider writes it, and https addresses."
        )  # fmt: skip
    return found


def _json(client: Client, address: str) -> dict[str, Any]:
    try:
        answer: Any = client.get(address, withhold_token=True, timeout=_TIMEOUT_S, allow_redirects=False)
        answer.raise_for_status()
        read: Any = json.loads(answer.text)
    except (requests.RequestException, ValueError):
        raise _silent() from None
    if not isinstance(read, dict):
        raise _silent()
    return cast("dict[str, Any]", read)


def _safe(address: str) -> bool:
    """Https, or this machine itself."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"})


def _silent() -> MissingData:
    return MissingData("the identity provider does not answer as one", hint="Sign in with a password, or try later.")
