"""Session tokens: how Shopify says who looks at the app inside its admin (platforms.md 1.4).

App Bridge makes one for a minute at a time. It comes as `Authorization: Bearer …` with what scripts ask for, and as
`id_token` in the address of a document that Shopify puts into its frame. Within its minute it may come many times: it is
proof of who asks, and no repetition is refused for it.

Tokens of extensions (checkout, customer accounts) are signed with the same secret and mean a shopper. None of them passes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from backend.errors import Unauthorized
from backend.platforms.shopify import domain

LEEWAY = timedelta(seconds=10)
"""Clocks differ, and `nbf` is often a little ahead."""
LONGEST_LIFE = timedelta(minutes=10)
"""Shopify gives them one minute. What claims to live much longer was not made by Shopify for this."""
LONGEST = 4096
"""Characters. Shopify's have about 500."""
REQUIRED = ("iss", "dest", "aud", "sub", "exp", "nbf", "iat", "jti")

_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_USER = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
_SCHEME = "https://"
_LONGEST_ID = 200


class InvalidSessionToken(Unauthorized):
    """This is no session token of the app, or it is over. A new one from App Bridge may help."""

    code = "invalid_session_token"

    def __init__(self) -> None:
        super().__init__("Shopify's word for who you are is missing or too old. Open the app in Shopify once more.")


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What Shopify vouches for: this person of this shop's staff is looking."""

    shop: str
    """The shop's domain, such as kiln.myshopify.com. The only shop that the request may see."""
    user_id: str
    """Shopify's, digits."""
    session_id: str
    """Of the person's session at Shopify; the same for all tokens of it. Empty if Shopify said none."""
    token_id: str
    expires_at: datetime


def verify(text: str, client_id: str, secrets: Sequence[str], wall: datetime) -> SessionToken:
    """What the token says, if it is one. `secrets`: the app's current one, then those before it.

    Raises InvalidSessionToken for everything else, whatever it is. Always the same: nobody learns how near they were.
    """
    claims = _claims(text, secrets)
    shop = _shop(claims)
    user_id, token_id, session_id = claims["sub"], claims["jti"], claims.get("sid", "")
    if (
        shop is None
        or not _is_same(claims["aud"], client_id)
        or not _is_text(user_id)
        or _USER.fullmatch(user_id) is None
        or not _is_text(token_id)
        or not (session_id == "" or _is_text(session_id))
        or not _is_current(claims, wall)
    ):
        raise InvalidSessionToken()
    return SessionToken(shop, user_id, session_id, token_id, datetime.fromtimestamp(claims["exp"], UTC))


def _claims(text: str, secrets: Sequence[str]) -> Mapping[str, Any]:
    """The claims that one of the secrets signed, all required ones among them."""
    if len(text) > LONGEST or _JWT.fullmatch(text) is None:
        raise InvalidSessionToken()
    for secret in secrets:
        try:
            # Times and `aud` are compared below: by our own clock, and without what else a JWT may hold in them.
            claims: Mapping[str, Any] = jwt.decode(
                text,
                secret,
                algorithms=["HS256"],
                options={
                    "require": list(REQUIRED),
                    "verify_aud": False,
                    "verify_iss": False,
                    "verify_sub": False,
                    "verify_jti": False,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidSignatureError:
            continue  # signed with the secret before this one, perhaps
        except (jwt.PyJWTError, ValueError, RecursionError):
            break
        return claims
    raise InvalidSessionToken() from None


def _shop(claims: Mapping[str, Any]) -> str | None:
    """The shop that `dest` names, if `iss` is its admin."""
    dest, iss = claims["dest"], claims["iss"]
    if not isinstance(dest, str) or not dest.startswith(_SCHEME):
        return None
    name = domain.read(dest.removeprefix(_SCHEME))
    if name is None or not isinstance(iss, str) or iss.lower() != f"{_SCHEME}{name}/admin":
        return None
    return name


def _is_same(said: object, client_id: str) -> bool:
    return isinstance(said, str) and bool(client_id) and said == client_id


def _is_text(said: object) -> bool:
    return isinstance(said, str) and 0 < len(said) <= _LONGEST_ID


def _is_current(claims: Mapping[str, Any], wall: datetime) -> bool:
    begins, made, ends = claims["nbf"], claims["iat"], claims["exp"]
    if any(type(each) is not int for each in (begins, made, ends)):  # True is an int, too
        return False
    now, leeway = wall.timestamp(), LEEWAY.total_seconds()
    is_sane = begins < ends and made < ends <= min(begins, made) + LONGEST_LIFE.total_seconds()
    return bool(is_sane and max(begins, made) <= now + leeway and now < ends + leeway)
