"""Who is told of what: every mail to a member is put into the outbox here, or not.

What takes something away is always told (docs/decisions/0014): nobody loses points without having heard of it. Everything
else is quiet for members who have unsubscribed, and where the program's `notifications` say so. Whether it still is so
is asked again when the mail goes out.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend import outbox
from backend.ledger.posting import AnySession
from backend.loyalty.program import programs
from backend.loyalty.program.settings import Notifications, ProgramSettings

LOSSES = frozenset(
    {
        "points_expiring",
        "points_expired",
        "points_clawed_back",
        "tier_ending",
        "reward_expired",
        "reward_failed",
        "reward_withdrawn",
    }
)
"""Purposes that take something away."""
_KIND = "mail"


@dataclass(frozen=True, slots=True)
class Notice:
    """One member who is to be told. `key` says which mail it is: the same one again is not sent again."""

    shop_id: int
    member_id: int
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)


def tell(session: AnySession, shop_id: int, member_id: int, purpose: str, key: str, **payload: Any) -> bool:
    """A mail to the member, if there is an address and it is wanted. True if it was written.

    `purpose` is a kind of `mail/messages.py`, `payload` what it is about: ids, nothing personal.
    """
    return tell_all(session, purpose, [Notice(shop_id, member_id, key, payload)]) == 1


def tell_all(session: AnySession, purpose: str, notices: Collection[Notice]) -> int:
    """`tell` for many, in two statements; how many mails were written."""
    if not notices:
        return 0
    reachable = session.execute(
        text(
            "select m.shop_id, m.id, m.unsubscribed_at is not null as is_unsubscribed"
            " from unnest(cast(:shops as bigint[]), cast(:members as bigint[])) as t (shop_id, id)"
            " join member m using (shop_id, id) where m.email is not null"
        ),
        {"shops": [each.shop_id for each in notices], "members": [each.member_id for each in notices]},
    )
    unsubscribed = {(row.shop_id, row.id): row.is_unsubscribed for row in reachable}
    settings = {shop_id: programs.current(shop_id)[1] for shop_id in {shop_id for shop_id, _ in unsubscribed}}
    return write(
        session,
        purpose,
        (
            each
            for each in notices
            if (quiet := unsubscribed.get((each.shop_id, each.member_id))) is not None
            and is_wanted(purpose, each.payload, settings[each.shop_id], is_unsubscribed=quiet)
        ),
    )


def write(session: AnySession, purpose: str, notices: Iterable[Notice]) -> int:
    """Put mails into the outbox whose readers the caller has found to be reachable; how many were new."""
    return outbox.put_all(
        session,
        _KIND,
        [
            (each.shop_id, each.key, {"purpose": purpose, "member_id": each.member_id, **each.payload})
            for each in notices
        ],
    )


def is_wanted(purpose: str, payload: Mapping[str, Any], settings: ProgramSettings, *, is_unsubscribed: bool) -> bool:
    """Whether a member with an address gets it."""
    return takes_away(purpose, payload) or (not is_unsubscribed and is_on(purpose, settings))


def takes_away(purpose: str, payload: Mapping[str, Any]) -> bool:
    """Whether it tells of a loss: by what it is, or points deducted by hand."""
    return purpose in LOSSES or (purpose == "points_adjusted" and payload["points"] < 0)


def is_on(purpose: str, settings: ProgramSettings) -> bool:
    """Whether the program sends such mails at all; what it has no switch for it sends."""
    return purpose not in Notifications.model_fields or bool(getattr(settings.notifications, purpose))


def unsubscribe(session: AnySession, shop_id: int, member_id: int, now: datetime) -> None:
    """From now on the member is told of losses alone. Doing it again changes nothing."""
    session.execute(
        text(
            "update member set unsubscribed_at = :now where shop_id = :shop and id = :member"
            " and unsubscribed_at is null and status = 'active'"
        ),
        {"shop": shop_id, "member": member_id, "now": now},
    )


def subscribe(session: AnySession, shop_id: int, member_id: int) -> None:
    """The member is told of everything again."""
    session.execute(
        text(
            "update member set unsubscribed_at = null where shop_id = :shop and id = :member"
            " and unsubscribed_at is not null"
        ),
        {"shop": shop_id, "member": member_id},
    )
