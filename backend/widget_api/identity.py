"""Who the store says is signed in: a JWT made by the store's server (contract section 4).

A bare customer id from the page is never believed. The token lives 15 minutes at most, by the machine's clock, and only
HS256 with the shop's `identity_secret` is accepted, whatever its header says.
"""

import re

import jwt
from jwt.exceptions import InvalidSubjectError

from backend import clock
from backend.errors import Unauthorized
from backend.loyalty.members.members import WidgetVisitor

LONGEST_LIFE_SECONDS = 15 * 60
LEEWAY_SECONDS = 10
"""How far the store's clock may be ahead of ours. An end that has come is an end: a clock that is behind shortens the
token's life by what it is off."""
_LONGEST_TOKEN = 4096
_LONGEST_ID = 255
_LONGEST_TEXT = 320  # an e-mail address has at most 254 characters
_NOT_A_TEXT = re.compile("[\x00\ud800-\udfff]")  # what PostgreSQL cannot keep
_ABOUT = ("email", "first_name", "last_name", "locale")


def verify(token: str, identity_secret: str) -> WidgetVisitor:
    """The shopper that the store vouches for. Raises Unauthorized for everything else."""
    if len(token) > _LONGEST_TOKEN:
        raise Unauthorized("The identity is not a token of this store.")
    try:
        claims = jwt.decode(
            token,
            identity_secret,
            algorithms=["HS256"],
            leeway=LEEWAY_SECONDS,
            options={"require": ["sub", "iat", "exp"], "verify_aud": False},
        )
        life = claims["exp"] - claims["iat"]
        if claims["exp"] <= clock.wall().timestamp():
            raise jwt.ExpiredSignatureError
    except jwt.ExpiredSignatureError:
        raise Unauthorized("The identity has expired. Load the page again.", code="identity_expired") from None
    except jwt.MissingRequiredClaimError as missing:
        raise Unauthorized(f"The identity does not say {missing.claim}: it needs sub, iat and exp.") from None
    except InvalidSubjectError:
        raise _wrong_text("sub", _LONGEST_ID) from None
    except jwt.ImmatureSignatureError:
        raise Unauthorized(
            "The identity was made in the future (iat or nbf): compare the store's clock with the time."
        ) from None
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        raise Unauthorized("The identity is not a token of this store.") from None
    if not 0 < life <= LONGEST_LIFE_SECONDS:
        raise Unauthorized("The identity must end at most 15 minutes after it was made (exp - iat).")
    return WidgetVisitor(
        external_id=_text("sub", claims["sub"], _LONGEST_ID),
        **{name: _text(name, claims[name], _LONGEST_TEXT) for name in _ABOUT if claims.get(name)},
    )


def _text(name: str, value: object, longest: int) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= longest or _NOT_A_TEXT.search(value):
        raise _wrong_text(name, longest)
    return value


def _wrong_text(name: str, longest: int) -> Unauthorized:
    return Unauthorized(f"The identity's {name} must be a text of 1 to {longest} characters.")
