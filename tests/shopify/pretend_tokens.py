"""How Shopify gives tokens (platforms.md 1.5): for a session token, for a code, for a refresh token, for one that never ends.

Every refresh brings another pair. The refresh token before it stays good until the new one is used; whoever uses the old one
again gets yet another pair, and the one that went lost is good for nothing.
"""

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Any

import jwt

from backend import clock
from backend.platforms.shopify import scopes
from tests.shopify.pretend import CLIENT_ID, SECRET, Pretend

SCOPES = ",".join(scopes.WANTED)
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
ONLINE = "urn:shopify:params:oauth:token-type:online-access-token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ADA = {
    "id": 902541635,
    "first_name": "Ada",
    "last_name": "Kiln",
    "email": "ada@kilnandkettle.example",
    "email_verified": True,
    "account_owner": True,
    "locale": "en",
    "collaborator": False,
}

Answer = tuple[int, dict[str, Any]] | None


def session_token(domain: str, user: Mapping[str, Any] = ADA, secret: str = SECRET, **claims: Any) -> str:
    """What App Bridge sends for this shop and member of its staff: good for a minute."""
    wall = clock.wall()
    said = {
        "iss": f"https://{domain}/admin",
        "dest": f"https://{domain}",
        "aud": CLIENT_ID,
        "sub": str(user["id"]),
        "exp": wall + timedelta(minutes=1),
        "nbf": wall,
        "iat": wall,
        "jti": secrets.token_hex(8),
        "sid": secrets.token_hex(8),
    } | claims
    return jwt.encode(said, secret, algorithm="HS256")


@dataclass
class Tokens:
    """What Shopify remembers of the tokens that it gave. `moods`: how the next calls are answered, `503` or `lose` (hangs
    up before), `lose after` (gives another pair, and hangs up)."""

    moods: deque[str] = field(default_factory=deque)
    users: dict[str, Mapping[str, Any]] = field(default_factory=lambda: {str(ADA["id"]): ADA})
    """The shop's staff, by their id."""
    codes: set[str] = field(default_factory=set)
    """Codes of the authorization grant that can be used, once."""
    refresh: dict[str, str] = field(default_factory=dict)
    """The refresh tokens that are good, with the domain of the shop of each."""
    before: dict[str, str] = field(default_factory=dict)
    """Of a refresh token the one that it came in the place of."""
    access: dict[str, str] = field(default_factory=dict)
    """Of a refresh token the access token that came with it."""
    lock: Lock = field(default_factory=Lock)

    def grant(self, shopify: Pretend, domain: str, said: dict[str, Any]) -> Answer:
        """The answer to a call to /admin/oauth/access_token; None: hang up."""
        with self.lock:
            mood = self.moods.popleft() if self.moods else ""
            if mood.isdigit():
                return int(mood), {"error": "not today"}
            answer = None if mood == "lose" else self._answer(shopify, domain, said)
            return None if mood == "lose after" else answer

    def first(self, shopify: Pretend, domain: str) -> tuple[str, str]:
        """An access token and a refresh token, as an installation brings them."""
        _, pair = self._pair(shopify, domain)
        return pair["access_token"], pair["refresh_token"]

    def _answer(self, shopify: Pretend, domain: str, said: dict[str, Any]) -> Answer:
        if said.get("client_id") != CLIENT_ID or said.get("client_secret") != SECRET:
            return 401, {"error": "invalid_client", "error_description": "Client authentication failed"}
        match said:
            case {"grant_type": "refresh_token", "refresh_token": old}:
                return self._refreshed(shopify, domain, old)
            case {"grant_type": grant, "subject_token": token, "subject_token_type": kind} if grant == EXCHANGE:
                if kind == OFFLINE:
                    return self._migrated(shopify, domain, token, said)
                return self._exchanged(shopify, domain, token, said)
            case {"code": code}:
                if code not in self.codes:
                    return 400, {"error": "invalid_request", "error_description": "The code was already used"}
                self.codes.remove(code)
                return self._given(shopify, domain, said)
        return 400, {"error": "unsupported_grant_type"}

    def _exchanged(self, shopify: Pretend, domain: str, token: str, said: dict[str, Any]) -> Answer:
        try:
            claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience=CLIENT_ID, leeway=10)
        except jwt.InvalidTokenError:
            claims = {}
        user = self.users.get(claims.get("sub", ""))
        if claims.get("dest") != f"https://{domain}" or user is None:
            return 400, {"error": "invalid_subject_token", "error_description": "Invalid session token"}
        if said.get("requested_token_type") != ONLINE:
            return self._given(shopify, domain, said)
        return 200, {
            "access_token": shopify.new_token(domain),
            "scope": SCOPES,
            "expires_in": 86399,
            "associated_user_scope": SCOPES,
            "associated_user": dict(user),
        }

    def _given(self, shopify: Pretend, domain: str, said: dict[str, Any]) -> Answer:
        if said.get("expiring") in (1, "1"):
            return self._pair(shopify, domain)
        return 200, {"access_token": shopify.new_token(domain), "scope": SCOPES}

    def _migrated(self, shopify: Pretend, domain: str, token: str, said: dict[str, Any]) -> Answer:
        if shopify.tokens.get(token) != domain or said.get("requested_token_type") != OFFLINE:
            return 400, {"error": "invalid_subject_token"}
        del shopify.tokens[token]
        return self._given(shopify, domain, said)

    def _refreshed(self, shopify: Pretend, domain: str, old: str) -> Answer:
        if self.refresh.get(old) != domain:
            return 400, {"error": "invalid_grant", "error_description": "The refresh token is expired or revoked"}
        self.refresh.pop(self.before.pop(old, ""), None)  # it is used: what was before it is over
        for lost in [new for new, before in self.before.items() if before == old]:
            self.refresh.pop(lost, None)
            shopify.tokens.pop(self.access.pop(lost), None)
            del self.before[lost]
        answer = self._pair(shopify, domain)
        self.before[answer[1]["refresh_token"]] = old
        return answer

    def _pair(self, shopify: Pretend, domain: str) -> tuple[int, dict[str, Any]]:
        access, refresh = shopify.new_token(domain), f"shprt_{secrets.token_hex(16)}"
        self.refresh[refresh], self.access[refresh] = domain, access
        return 200, {
            "access_token": access,
            "scope": SCOPES,
            "expires_in": 3600,
            "refresh_token": refresh,
            "refresh_token_expires_in": 90 * 24 * 3600,
        }
