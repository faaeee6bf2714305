"""Signing in with the account of one's organisation: OpenID Connect, authorization code with PKCE, state and nonce.

The server itself talks to nobody but the issuer, and follows no redirects. Needs the extra `oidc`.

References
----------
OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE); RFC 9700 (security of OAuth 2.0).
"""

import hashlib
import hmac
import json
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.accounts.linked import Identity
from api.accounts.roles import Role
from api.errors import DoorError, NotSignedIn
from geo.errors import SourceUnavailable

_log = logging.getLogger(__name__)

# Signatures with the provider's own key; never `none`, never one made with our secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
PENDING_SECONDS = 600.0
_MOST_PENDING = 1000
_KEPT_SECONDS, _AGAIN_SECONDS = 3600.0, 60.0
_TIMEOUT_SECONDS, _MOST_BYTES = 10.0, 2**20
_LEEWAY_SECONDS = 60


class ProviderUnavailable(DoorError, SourceUnavailable):
    """The provider of the organisation's accounts does not answer as it should."""


@dataclass(frozen=True)
class OidcConfig:
    """What the provider and this server have agreed on.

    Attributes
    ----------
    role_claim : where the ID token says what somebody is; dots lead into objects, as ``realm_access.roles``.
    roles : value of that claim -> role; the first that somebody has counts.
    default_role : the role of those for whom nothing is said; None turns them away.
    """

    issuer: str
    client_id: str
    client_secret: str | None
    roles: Mapping[str, Role]
    role_claim: str = "groups"
    name_claim: str = "preferred_username"
    scope: str = "openid profile"
    default_role: Role | None = None


@dataclass(frozen=True)
class _Pending:
    """A log-in that was begun: nothing but its own browser may end it, once, and soon."""

    browser: str
    nonce: str
    verifier: str
    redirect_uri: str
    target: str
    begun: float


@dataclass(frozen=True)
class SignedIn:
    """Who came back from the provider, with which role, and where they wanted to go."""

    identity: Identity
    role: Role | None
    target: str


class Provider:
    """The provider of one server; safe to use from threads."""

    def __init__(self, config: OidcConfig) -> None:
        """Note the agreement; nobody is asked yet."""
        self.config = config
        self._lock = threading.Lock()
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._documents: dict[str, tuple[float, dict[str, Any]]] = {}

    def begin(self, redirect_uri: str, target: str) -> tuple[str, str]:
        """Begin a log-in.

        Returns
        -------
        url, browser : str
            Where to send the browser, and the secret that it has to show when it comes back.

        Raises
        ------
        ProviderUnavailable
        """
        state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        endpoint = self._endpoint("authorization_endpoint")
        with self._session(redirect_uri) as session:
            url, _ = session.create_authorization_url(endpoint, state=state, nonce=nonce, code_verifier=verifier)
        pending = _Pending(_hash(browser), nonce, verifier, redirect_uri, target, time.monotonic())
        with self._lock:
            self._pending[_hash(state)] = pending
            while len(self._pending) > _MOST_PENDING:
                self._pending.popitem(last=False)
        return str(url), browser

    def finish(self, answer: Mapping[str, str], browser: str | None) -> SignedIn:
        """End a log-in with what the browser brought back.

        Raises
        ------
        NotSignedIn
            It was not begun here by this browser, it is too old, or the provider's token does not prove who it is.
        ProviderUnavailable
        """
        pending = self._claim(answer.get("state", ""), browser)
        if answer.get("iss", self.config.issuer) != self.config.issuer:
            raise _refused("the answer comes from another provider")
        if "code" not in answer:
            raise _refused(f"the provider says {answer.get('error', 'nothing')[:60]!r}")
        claims = self._claims(self._token(answer["code"], pending), pending.nonce)
        name = claims.get(self.config.name_claim)
        identity = Identity(self.config.issuer, str(claims["sub"]), name if isinstance(name, str) else "")
        return SignedIn(identity, self._role(claims), pending.target)

    def leave(self) -> str | None:
        """Return where one signs out at the provider itself, if it says so."""
        try:
            found = self._discovered().get("end_session_endpoint")
        except ProviderUnavailable:
            return None
        return str(found) if isinstance(found, str) and self._is_own(found) else None

    def _claim(self, state: str, browser: str | None) -> _Pending:
        with self._lock:
            pending = self._pending.pop(_hash(state), None)
        if pending is None or time.monotonic() - pending.begun > PENDING_SECONDS:
            raise _refused("this log-in was not begun here, or too long ago")
        if not hmac.compare_digest(pending.browser, _hash(browser or "")):
            raise _refused("this log-in was begun in another browser")
        return pending

    def _token(self, code: str, pending: _Pending) -> str:
        endpoint = self._endpoint("token_endpoint")
        try:
            with self._session(pending.redirect_uri) as session:
                answer = session.fetch_token(
                    endpoint, grant_type="authorization_code", code=code, code_verifier=pending.verifier,
                    allow_redirects=False,
                )  # fmt: skip
        except AuthlibBaseError as error:
            raise _refused(f"the provider refused the code: {str(error.error)[:60]!r}") from None
        except (requests.RequestException, ValueError) as error:
            raise _unavailable(endpoint, error) from None
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise _refused("the provider sent no ID token")
        return token

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        """Check an ID token as OpenID Connect Core 3.1.3.7 asks, and return what it says."""
        config = self.config
        registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": config.issuer},
            aud={"essential": True, "value": config.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = self._verified(token).claims
            registry.validate(claims)
        except (JoseError, ValueError) as error:
            raise _refused(f"the ID token is not valid: {type(error).__name__}") from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != config.client_id:
            raise _refused("the ID token was made for another program")
        return dict(claims)

    def _verified(self, token: str) -> jwt.Token:
        """Check the signature; a key that is not known yet may be new at the provider."""
        try:
            return jwt.decode(token, self._keys(_KEPT_SECONDS), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            return jwt.decode(token, self._keys(_AGAIN_SECONDS), algorithms=ALGORITHMS)

    def _keys(self, kept_seconds: float) -> KeySet:
        return KeySet.import_key_set(self._document(self._endpoint("jwks_uri"), kept_seconds))  # type: ignore[arg-type]

    def _role(self, claims: Mapping[str, Any]) -> Role | None:
        found: Any = claims
        for part in self.config.role_claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        has = {found} if isinstance(found, str) else {one for one in found or () if isinstance(one, str)}
        return next((role for value, role in self.config.roles.items() if value in has), self.config.default_role)

    def _discovered(self) -> dict[str, Any]:
        document = self._document(f"{self.config.issuer.rstrip('/')}/.well-known/openid-configuration", _KEPT_SECONDS)
        if document.get("issuer") != self.config.issuer:
            raise _unavailable(self.config.issuer, "its description names another issuer")
        return document

    def _endpoint(self, name: str) -> str:
        found = self._discovered().get(name)
        if not isinstance(found, str) or not self._is_own(found):
            raise _unavailable(self.config.issuer, f"its {name} is not there or lies on another host")
        return found

    def _is_own(self, url: str) -> bool:
        """Return whether an address lies on the issuer's own host: no other is ever asked."""
        issuer, other = urlsplit(self.config.issuer), urlsplit(url)
        return (issuer.scheme, issuer.netloc) == (other.scheme, other.netloc)

    def _document(self, url: str, kept_seconds: float) -> dict[str, Any]:
        made, document = self._documents.get(url, (0.0, {}))
        if document and time.monotonic() - made < kept_seconds:
            return document
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(url, timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True)
                content = answer.raw.read(_MOST_BYTES, decode_content=True)
                found = json.loads(content) if answer.status_code == 200 else None
        except (requests.RequestException, ValueError, OSError) as error:
            raise _unavailable(url, error) from None
        if not isinstance(found, dict):
            raise _unavailable(url, f"status {answer.status_code}")
        self._documents[url] = (time.monotonic(), found)
        return found

    def _session(self, redirect_uri: str) -> OAuth2Session:
        secret = self.config.client_secret
        session = OAuth2Session(
            self.config.client_id,
            secret,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            code_challenge_method="S256",
            scope=self.config.scope,
            redirect_uri=redirect_uri,
            default_timeout=_TIMEOUT_SECONDS,
        )
        session.trust_env = False
        return session


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _refused(reason: str) -> NotSignedIn:
    _log.warning("a log-in through the provider was refused: %s", reason)
    return NotSignedIn(f"signing in did not succeed: {reason}; begin again", "登录未成功，请重新开始")


def _unavailable(where: str, why: object) -> ProviderUnavailable:
    _log.error("%s does not answer as it should: %s", where, " ".join(str(why).split())[:300])
    return ProviderUnavailable(
        "the provider of your organisation's accounts does not answer; try again, or sign in with a password",
        "统一身份认证服务没有正确应答：请稍后再试，或用密码登录",
    )
