"""All that is known of one person, for them to read and to take along. Of other people it says nothing.

Who of the team did something is "staff"; a friend who was brought, or who brought them, is the referral's state alone.
"""

# ruff: noqa: S608 - our own words

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend.errors import Conflict, NotFound
from backend.ledger.balance import balance
from backend.ledger.posting import AnySession, Author
from backend.loyalty.members import care_log
from backend.loyalty.shops.shops import ShopFacts

_HIS = "member_id = any(:accounts)"
_PARTS: Mapping[str, str] = {
    "verified_addresses": f"select email from verified_address where shop_id = :shop and {_HIS} order by email",
    "entries": "select id, at, kind, from_bucket, to_bucket, points, available_after, reason, order_id, expires_at, why,"
    f" actor from entry where shop_id = :shop and {_HIS} order by id",
    "lots": "select id, points, remaining, earned_at, expires_at, order_id from lot"
    f" where shop_id = :shop and {_HIS} order by id",
    "awards": "select id, promised, pending, state, due_at, expires_at, reason, order_id from award"
    f" where shop_id = :shop and {_HIS} order by id",
    "bonuses": f"select rule, at, points, state from bonus where shop_id = :shop and {_HIS} order by id",
    "orders": "select id, external_id, placed_at, received_at, guest_email, known -> 'states' as states from orders"
    f" where shop_id = :shop and {_HIS} order by placed_at, id",
    "refunds": "select f.order_external_id, f.external_id, f.document from refund f join orders o"
    " on o.shop_id = f.shop_id and o.external_id = f.order_external_id"
    f" where f.shop_id = :shop and o.{_HIS} order by 1, 2",
    "redemptions": "select id, frozen ->> 'name' as reward, frozen -> 'worth' as worth, origin, status, use_state,"
    " delivery_status, points, code, discount, attributes, address, requested_at, issued_at, used_at, ended_at, expires_at"
    f" from redemption where shop_id = :shop and {_HIS} order by id",
    "events": f"select event, external_id, at, answer from member_event where shop_id = :shop and {_HIS} order by at",
    "friends_brought": "select id, at, state, reason, qualified_at, rewarded_at from referral"
    " where shop_id = :shop and advocate_id = any(:accounts) order by id",
    "brought_by_a_friend": "select id, at, state, reason, qualified_at, rewarded_at from referral"
    " where shop_id = :shop and friend_id = any(:accounts) order by id",
    "levels": "select from_level, to_level, at, cause, reason from tier_change"
    f" where shop_id = :shop and {_HIS} order by id",
    "mails": "select payload ->> 'purpose' as about, state, created_at, done_at from outbox where shop_id = :shop"
    " and kind = 'mail' and payload ->> 'member_id' = any(cast(:accounts as text[])) order by id",
    "changes_by_hand": "select what, points, reason, asked_at, state, decision_reason from manual_change"
    f" where shop_id = :shop and {_HIS} order by id",
    "care": f"select what, reason, at from care_action where shop_id = :shop and {_HIS} order by id",
    "notes": f"select text, at from member_note where shop_id = :shop and {_HIS} order by id",
    "blocks": f"select since, until from member_block where shop_id = :shop and {_HIS} order by since",
    "connections": f"select at from member_connection where shop_id = :shop and {_HIS} order by at",
}
"""Each part of the document, as rows."""


def collect(session: AnySession, shop: ShopFacts, member_id: int, author: Author, now: datetime) -> dict[str, Any]:
    """The document, as plain values; that it was made is noted. Raises NotFound, Conflict for who is not there any more."""
    who = {"shop": shop.id, "member": member_id}
    member = (
        session.execute(
            text(
                "select id, external_id, email, email_verified, phone, first_name, last_name, locale, birthday, address,"
                " tags, segments, tier, status, referral_code, enrolled_at, registered_at, unsubscribed_at"
                " from member where shop_id = :shop and id = :member"
            ),
            who,
        )
        .mappings()
        .one_or_none()
    )
    if member is None:
        raise NotFound()
    if member["status"] in ("erased", "merged"):
        raise Conflict("Nothing of a person is kept under this account.", code=f"member_{member['status']}")
    others = session.execute(
        text("select id, external_id, referral_code from member where shop_id = :shop and merged_into = :member"), who
    ).all()
    accounts = [member_id, *(each.id for each in others)]
    has = balance(session, shop.id, member_id, now)
    care_log.note(session, shop.id, member_id, "export", author, now)
    return {
        "shop": shop.name,
        "made_at": now,
        "member": dict(member),
        "merged_accounts": [dict(each._mapping) for each in others],
        "consent": {"wants_mail_beside_losses": member["unsubscribed_at"] is None, "since": member["unsubscribed_at"]},
        "balance": {"available": has.available, "pending": has.pending, "on_hold": has.on_hold, "owed": has.owed},
        **{
            name: [dict(row) for row in session.execute(text(rows), {**who, "accounts": accounts}).mappings()]
            for name, rows in _PARTS.items()
        },
    }
