"""What people of the team, and the store, did with a customer's account, and why: kept for as long as the account is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import text
from sqlalchemy.engine import RowMapping as Row

from backend.ledger.posting import AnySession, Author

What = Literal["block", "unblock", "merge", "erase", "export", "data_request", "note", "note_deleted"]
SHOWN = 20


def note(
    session: AnySession,
    shop_id: int,
    member_id: int,
    what: What,
    author: Author,
    now: datetime,
    *,
    reason: str | None = None,
    other_id: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Keep it, in the transaction that does it. `facts` are counts and points: nothing personal, they outlive an erasure."""
    session.execute(
        text(
            "insert into care_action (shop_id, member_id, what, reason, other_id, facts, actor, actor_name, at)"
            " values (:shop, :member, :what, :reason, :other, cast(:facts as jsonb), :actor, :name, :at)"
        ),
        {
            "shop": shop_id,
            "member": member_id,
            "what": what,
            "reason": reason,
            "other": other_id,
            "facts": orjson.dumps(facts or {}).decode(),
            "actor": "staff" if author.actor == "staff" else "platform",
            "name": author.name,
            "at": now,
        },
    )


def of_member(session: AnySession, shop_id: int, member_id: int) -> Sequence[Row]:
    """The newest 20 of a member and of the accounts that were merged into it."""
    return (
        session.execute(
            text(
                "select c.id, c.member_id, c.what, c.reason, c.other_id, c.facts, c.actor, c.actor_name, c.at"
                " from care_action c where c.shop_id = :shop and c.member_id = any(array("
                " select cast(:member as bigint) union all"
                " select id from member where shop_id = :shop and merged_into = :member))"
                " order by c.id desc limit :most"
            ),
            {"shop": shop_id, "member": member_id, "most": SHOWN},
        )
        .mappings()
        .all()
    )


def forget(session: AnySession, shop_id: int, member_id: int) -> None:
    """What people wrote about an erased member goes; that something was done, and by whom, stays."""
    session.execute(
        text(
            "update care_action set reason = null where shop_id = :shop and member_id = :member and reason is not null"
        ),
        {"shop": shop_id, "member": member_id},
    )
