"""Session tokens of the widget: who is asking, for half an hour, without a look into the database.

A token is bound to a shop, a member and the member's token version, which the read compares with the row: raising the
version revokes every token of the member. Its age goes by the machine's clock.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadData, SignatureExpired, TimestampSigner

from backend.errors import Unauthorized

LIFETIME = timedelta(minutes=30)
_LIFETIME_SECONDS = int(LIFETIME.total_seconds())
_PURPOSE = b"widget-session"  # a token that we signed for anything else opens nothing here


@dataclass(frozen=True, slots=True)
class Session:
    """What a token says. True once its token version has been compared with the member's."""

    shop_id: int
    member_id: int
    token_version: int


class SessionExpired(Unauthorized):
    """The token was ours and is too old: the widget begins a new session. Names the shop, so that it can be told."""

    code = "session_expired"
    title = "The session has expired"

    def __init__(self, session: Session) -> None:
        super().__init__("The session has expired. Begin a new one with a fresh identity.")
        self.session = session


class SessionTokens:
    """Issues and reads tokens with SECRET_KEY: the first key signs, all of them verify.

    itsdangerous' signer by itself, on three numbers: a serializer would cost as much again for its JSON and base64.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._signer = TimestampSigner(
            [
                hmac.digest(key.encode(), _PURPOSE, "sha256") for key in reversed(keys)
            ],  # itsdangerous signs with the last
            key_derivation="none",  # done here, once, instead of for each token
            digest_method=hashlib.sha256,
        )

    def issue(self, session: Session) -> tuple[str, datetime]:
        """A token and when it ends: `LIFETIME` from now, UTC, whole seconds."""
        token = self._signer.sign(f"{session.shop_id}-{session.member_id}-{session.token_version}")
        _, issued_at = self._signer.unsign(token, return_timestamp=True)
        return token.decode(), issued_at + LIFETIME

    def read(self, token: str) -> Session:
        """What the token says. Raises SessionExpired, or Unauthorized for everything that is not a token of ours."""
        try:
            return _session(self._signer.unsign(token, max_age=_LIFETIME_SECONDS))
        except SignatureExpired as error:
            assert error.payload is not None
            raise SessionExpired(_session(error.payload)) from None
        except (BadData, UnicodeEncodeError):
            raise Unauthorized("This is not a session's token. Begin a session first.") from None


def _session(numbers: bytes) -> Session:
    shop_id, member_id, token_version = numbers.split(b"-")
    return Session(int(shop_id), int(member_id), int(token_version))


def bearer(authorization: str | None) -> str:
    """The token of an `Authorization: Bearer …` header. Raises Unauthorized if there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("Send the session's token in the header Authorization: Bearer <session>.")
    return token.strip()
