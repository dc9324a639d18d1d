"""A look at the shop as somebody else sees it: which eyes, when, by which program. Said by a token that only reads.

The token is no session of the widget and opens nothing of a member's. It names the session of who looks, and ends with it:
with the session, with the right, and by itself after some hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeTimedSerializer

from backend.errors import Forbidden, Unauthorized
from backend.staff import sessions
from backend.staff.rights import Right
from backend.staff.sessions import SignedIn

LIFETIME = timedelta(hours=8)
_PURPOSE = "preview"


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at."""

    shop_id: int
    session_id: int
    """Of the person who looks."""
    member_id: int | None
    """Whose eyes. None: a new visitor's."""
    at: datetime | None
    """The moment that is looked at. None: now."""
    is_draft: bool
    """By the draft of the program, not by what is in force."""

    def is_past(self, now: datetime) -> bool:
        """Whether the moment is over: then nothing is foreseen, and it is seen by the program of then."""
        return self.at is not None and self.at < now

    @property
    def needed(self) -> frozenset[Right]:
        """The rights without which nobody sees this. What every visitor sees anyhow needs none."""
        asked = {Right.VIEW_CUSTOMERS} if self.member_id is not None else set()
        return frozenset(asked | ({Right.SETTINGS} if self.is_draft else set()))


def refuse_without_right(look: Look, rights: frozenset[Right]) -> None:
    """Raises Forbidden that says what is missing."""
    if Right.VIEW_CUSTOMERS in look.needed - rights:
        raise Forbidden("You do not have the right to see customers.")
    if look.needed - rights:
        raise Forbidden("You do not have the right to see settings that are not in force.")


def of(who: SignedIn, *, member_id: int | None, at: datetime | None, is_draft: bool) -> Look:
    """The look of who is signed in. Raises Forbidden."""
    look = Look(who.shop_id, who.session_id, member_id, at, is_draft)
    refuse_without_right(look, who.rights)
    return look


def token(look: Look, secret_keys: Sequence[str]) -> str:
    """What stands for the look in addresses."""
    at = look.at.timestamp() if look.at is not None else None
    said = _serializer(secret_keys).dumps([look.shop_id, look.session_id, look.member_id, at, int(look.is_draft)])
    return said if isinstance(said, str) else said.decode()


def read(text: str, secret_keys: Sequence[str], wall: datetime) -> Look:
    """The look that the token stands for. Raises Unauthorized if it or the session of who looks has ended, Forbidden
    without the rights that it needs: they are read each time."""
    try:
        said = _serializer(secret_keys).loads(text, max_age=int(LIFETIME.total_seconds()))
    except BadData:
        raise Unauthorized("This preview has ended. Load the page again.") from None
    shop_id, session_id, member_id, at, is_draft = said
    moment = datetime.fromtimestamp(at, wall.tzinfo) if at is not None else None
    look = Look(shop_id, session_id, member_id, moment, bool(is_draft))
    who = sessions.still_there(shop_id, session_id, wall)
    if who is None:
        raise Unauthorized("Who looked here has signed out. Log in again.")
    refuse_without_right(look, who.rights)
    return look


def _serializer(secret_keys: Sequence[str]) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(reversed(secret_keys)), salt=_PURPOSE)  # itsdangerous signs with the last
