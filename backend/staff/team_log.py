"""Who changed what about the team and its keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from backend.ledger.posting import AnySession
from backend.models import TeamChange

SAID: Mapping[str, str] = {
    "began": "began the shop's team",
    "invited": "invited",
    "invited_again": "invited again",
    "joined": "joined",
    "joined_by_shopify": "came in through Shopify",
    "owner_by_shopify": "may do everything, as the shop's owner at Shopify",
    "rights": "changed the rights of",
    "removed": "removed",
    "signed_out": "signed out",
    "password": "chose a new password",
    "two_factor_on": "turned on two-factor sign-in",
    "two_factor_off": "turned off two-factor sign-in",
    "two_factor_reset": "turned off the two-factor sign-in of",
    "limit": "changed the limit for approvals to",
    "api_key_made": "made the API key",
    "api_key_revoked": "revoked the API key",
}
"""Each kind of change, as a sentence's middle: author, this, whom or what."""
SHOWN = 50


def note(session: AnySession, shop_id: int, at: datetime, author: str, what: str, about: str = "") -> None:
    """Keep it, in the transaction that does it. `about` is a name."""
    if what not in SAID:
        raise ValueError(f"the team's log knows no {what}")
    session.add(TeamChange(shop_id=shop_id, at=at, author=author, what=what, about=about))


def newest(session: AnySession, shop_id: int) -> Sequence[TeamChange]:
    """The last 50 changes, newest first."""
    asked = select(TeamChange).where(TeamChange.shop_id == shop_id).order_by(TeamChange.id.desc()).limit(SHOWN)
    return session.execute(asked).scalars().all()
